// Package ovsdb is a client of one OVSDB server (RFC 7047): its connection, the monitored rows, and transactions. The types of the
// rows of the database Open_vSwitch are here too (openvswitch_rows.go).
//
// Invariants:
//   - A Client is one connection. It never reconnects. If it is lost, the caller dials a new one, and all its rows are new.
//   - Rows are shared with everybody who reads them, and are never changed. A change makes a new row.
//   - After Transact, the rows show what it wrote. After Fence, they show what the server knew before the call.
//   - Everything that waits ends with its context, or with ErrLost when the connection is lost.
//   - Nothing here knows what a row means to a driver.
package ovsdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"github.com/ovn-kubernetes/libovsdb/cache"
	"github.com/ovn-kubernetes/libovsdb/client"
	"github.com/ovn-kubernetes/libovsdb/model"
)

// connectTimeout bounds connecting to ovsdb-server and reading all monitored rows. It bounds a transaction too.
const connectTimeout = 10 * time.Second

// ErrLost says that ovsdb-server does not answer.
var ErrLost = errors.New("the connection to ovsdb-server is lost (is it running?)")

// Client is one connection to ovsdb-server with a cache of the monitored rows. Any goroutine may use it.
type Client struct {
	server  client.Client
	rows    *cache.TableCache
	changes *changes
	gone    chan struct{} // closed when the connection is lost or closed
}

// Observer gets every change of a row, one after the other, soon after the rows show it. old is nil for a new row, is is nil for a
// deleted one. The rows that are there when the client is dialled are new rows too, and the first calls may come before Dial returns.
// It must not wait: libovsdb keeps 65,536 changes and drops what is more.
type Observer func(c *Client, old, is Row)

// Dial connects to an endpoint, which is "unix:" and a path, or "tcp:" and an address with a port. It returns when all rows of the
// schema have been read. The error wraps ErrLost if the server does not answer. The caller must call Close.
func Dial(ctx context.Context, endpoint string, schema Schema, on Observer) (*Client, error) {
	m, err := schema.Model()
	if err != nil {
		return nil, err
	}
	quiet := logr.Discard()
	server, err := client.NewOVSDBClient(m, client.WithEndpoint(endpoint), client.WithLogger(&quiet))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := server.Connect(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLost, err)
	}
	c := &Client{server: server, rows: server.Cache(), changes: newChanges(), gone: make(chan struct{})}
	go c.awaitEnd()
	c.observe(on)
	if _, err := server.Monitor(ctx, server.NewMonitor(schema.monitored()...)); err != nil {
		c.Close()
		return nil, fmt.Errorf("%w: reading its rows: %w", ErrLost, err)
	}
	return c, nil
}

// observe tells of all changes from now on. All rows are Rows, because a Schema has no others.
func (c *Client) observe(on Observer) {
	note := func(old, is model.Model) {
		was, _ := old.(Row)
		now, _ := is.(Row)
		on(c, was, now)
		c.changes.wake()
	}
	c.rows.AddEventHandler(&cache.EventHandlerFuncs{
		AddFunc:    func(_ string, m model.Model) { note(nil, m) },
		UpdateFunc: func(_ string, old, is model.Model) { note(old, is) },
		DeleteFunc: func(_ string, m model.Model) { note(m, nil) },
	})
}

// lostPoll is how often a connection is looked at whose end was perhaps not told.
const lostPoll = 200 * time.Millisecond

// awaitEnd closes gone when the connection has ended; Close waits for that. libovsdb (v0.8.1) tells it only to somebody who receives at
// that very moment, and not to this goroutine if the connection ends before it has run for the first time. Then the client has no
// endpoint any more.
func (c *Client) awaitEnd() {
	defer close(c.gone)
	poll := time.NewTicker(lostPoll)
	defer poll.Stop()
	for c.server.CurrentEndpoint() != "" {
		select {
		case <-c.server.DisconnectNotify():
			return
		case <-poll.C:
		}
	}
}

// Close ends the connection and waits until it has ended. It may be called more than once.
func (c *Client) Close() {
	c.server.Close()
	<-c.gone
}

// Gone is closed when the connection is lost or closed.
func (c *Client) Gone() <-chan struct{} { return c.gone }

// Lost says whether the connection has ended.
func (c *Client) Lost() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}
