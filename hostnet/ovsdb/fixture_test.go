package ovsdb_test

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"weft/hostnet/ovsdb"
	"weft/hostnet/ovsdb/ovsdbtest"
)

// deadline bounds every wait of a test.
const deadline = 10 * time.Second

// session is a server in memory and a client of it.
type session struct {
	ovsdb.Switch
	lose func() // ends the connection as a server does that ends

	mu   sync.Mutex
	seen []string // what was observed
}

// dialled is a client of a database with the row that ovs-vsctl init makes, if initialised.
func dialled(t *testing.T, initialised bool) *session {
	t.Helper()
	dir := t.TempDir()
	server := filepath.Join(t.TempDir(), "server.sock")
	ovsdbtest.ServeSwitch(t, server)
	s := &session{lose: relay(t, filepath.Join(dir, "db.sock"), server)}
	var err error
	if s.Switch, err = ovsdb.DialSwitch(t.Context(), dir, s.observe); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if initialised {
		s.must(t, ovsdb.Insert(ovsdb.TableRoot, "", ovsdb.Columns{}))
	}
	return s
}

// relay passes one connection on to a server, until the test ends or lose is called.
func relay(t *testing.T, socket, server string) (lose func()) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var tasks sync.WaitGroup
	tasks.Go(func() {
		defer l.Close()
		in, err := l.Accept()
		if err != nil {
			return // no client has come
		}
		out, err := net.Dial("unix", server)
		if err != nil {
			t.Error(err)
			in.Close()
			return
		}
		tasks.Go(func() { _, _ = io.Copy(in, out) })
		tasks.Go(func() { _, _ = io.Copy(out, in) })
		<-ctx.Done()
		in.Close()
		out.Close()
	})
	t.Cleanup(func() {
		cancel()
		l.Close()
		tasks.Wait()
	})
	return cancel
}

func (s *session) observe(_ *ovsdb.Client, old, is ovsdb.Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case old == nil:
		s.seen = append(s.seen, "new "+is.Table())
	case is == nil:
		s.seen = append(s.seen, "gone "+old.Table())
	default:
		s.seen = append(s.seen, "changed "+is.Table())
	}
}

func (s *session) observed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

func (s *session) must(t *testing.T, ops ...ovsdb.Operation) {
	t.Helper()
	if _, err := s.Transact(t.Context(), ops); err != nil {
		t.Fatal(err)
	}
}

// bridge inserts a bridge without ports.
func (s *session) bridge(name string) []ovsdb.Operation {
	return []ovsdb.Operation{ovsdb.Insert(ovsdb.TableBridge, "b", ovsdb.Columns{"name": name}),
		s.MutateRoot(ovsdb.Include("bridges", ovsdb.SetOf(ovsdb.UUID{GoUUID: "b"})))}
}
