package ovs

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/ovn-kubernetes/libovsdb/cache"
	"github.com/ovn-kubernetes/libovsdb/client"
	"github.com/ovn-kubernetes/libovsdb/model"
)

// connectTimeout bounds connecting to ovsdb-server and reading all monitored rows.
const connectTimeout = 10 * time.Second

// errDatabaseLost says that ovsdb-server does not answer.
var errDatabaseLost = errors.New("the connection to ovsdb-server is lost (is it running?)")

// database is one connection to ovsdb-server with a cache of the monitored rows. It never reconnects. A lost connection is
// replaced by a new one, and all its rows are new.
type database struct {
	client client.Client
	rows   *cache.TableCache
	gone   chan struct{} // closed when the connection is lost or closed

	mu      sync.Mutex
	changed chan struct{} // closed at the next change of a row
	last    *rows         // what read found last; nil before the first time
}

// dialDatabase connects. From then on it calls on for every change of a row. old is nil for a new row, new is nil for a deleted
// one.
func dialDatabase(ctx context.Context, rundir string, on func(all *cache.TableCache, old, new model.Model)) (*database, error) {
	m, err := databaseModel()
	if err != nil {
		return nil, err
	}
	quiet := logr.Discard()
	c, err := client.NewOVSDBClient(m, client.WithEndpoint("unix:"+filepath.Join(rundir, "db.sock")), client.WithLogger(&quiet))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := c.Connect(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", errDatabaseLost, err)
	}
	db := &database{client: c, rows: c.Cache(), gone: make(chan struct{}), changed: make(chan struct{})}
	go db.awaitEnd()
	note := func(_ string, old, new model.Model) {
		on(db.rows, old, new)
		db.wake()
	}
	db.rows.AddEventHandler(&cache.EventHandlerFuncs{
		AddFunc:    func(t string, m model.Model) { note(t, nil, m) },
		UpdateFunc: note,
		DeleteFunc: func(t string, m model.Model) { note(t, m, nil) },
	})
	if _, err := c.Monitor(ctx, c.NewMonitor(monitored()...)); err != nil {
		db.close()
		return nil, fmt.Errorf("%w: reading its rows: %w", errDatabaseLost, err)
	}
	return db, nil
}

// lostPoll is how often a connection is looked at whose end was perhaps not told.
const lostPoll = 200 * time.Millisecond

// awaitEnd closes gone when the connection has ended; close waits for that. libovsdb (v0.8.1) tells it only to somebody who receives at
// that very moment, and not to this goroutine if the connection ends before it has run for the first time. Then the client has no
// endpoint any more.
func (db *database) awaitEnd() {
	defer close(db.gone)
	poll := time.NewTicker(lostPoll)
	defer poll.Stop()
	for db.client.CurrentEndpoint() != "" {
		select {
		case <-db.client.DisconnectNotify():
			return
		case <-poll.C:
		}
	}
}

// monitored lists every column of the row types. Without a list the server sends all columns, and libovsdb fails at a row with a
// column that has no field.
func monitored() []client.MonitorOption {
	var o rootRow
	var b bridgeRow
	var p portRow
	var i interfaceRow
	var c controllerRow
	return []client.MonitorOption{
		client.WithTable(&o, &o.Bridges, &o.NextCfg, &o.CurCfg),
		client.WithTable(&b, &b.Name, &b.Ports, &b.Controller, &b.DatapathType, &b.FailMode, &b.Protocols, &b.STP, &b.RSTP, &b.OtherConfig,
			&b.ExternalIDs),
		client.WithTable(&p, &p.Name, &p.Interfaces, &p.Tag, &p.ExternalIDs),
		client.WithTable(&i, &i.Name, &i.Type, &i.OFPort, &i.OFPortRequest, &i.Error, &i.MTURequest, &i.ExternalIDs, &i.Options, &i.BFD,
			&i.BFDStatus, &i.LinkState),
		client.WithTable(&c, &c.Target),
	}
}

func (db *database) close() {
	db.client.Close()
	<-db.gone
}

// lost says whether the connection has ended.
func (db *database) lost() bool {
	select {
	case <-db.gone:
		return true
	default:
		return false
	}
}

func (db *database) wake() {
	db.mu.Lock()
	defer db.mu.Unlock()
	close(db.changed)
	db.changed = make(chan struct{})
}

// next returns a channel that is closed at the next change. The caller must take it before it looks at rows.
func (db *database) next() <-chan struct{} {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.changed
}
