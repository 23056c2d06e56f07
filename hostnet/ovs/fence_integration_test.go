//go:build integration

package ovs

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"weft/hostnet/object"
)

// slowDatabase stands in front of ovsdb-server. While it is held, the server's updates arrive only when the client asks for
// something.
type slowDatabase struct {
	mu     sync.Mutex
	held   bool
	asked  chan struct{} // closed when the client has asked while it was held
	behind string        // the server's own socket
}

// slowDown puts a slow database in the place of the host's. The server's own socket stays open for ovs-vswitchd.
func (b *testbed) slowDown() *slowDatabase {
	b.t.Helper()
	front := filepath.Join(b.RunDir, "db.sock")
	s := &slowDatabase{asked: make(chan struct{}), behind: filepath.Join(b.RunDir, "behind.sock")}
	if err := os.Rename(front, s.behind); err != nil {
		b.t.Fatal(err)
	}
	l, err := net.Listen("unix", front)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.serve(ctx, client) })
		}
	})
	b.t.Cleanup(func() { cancel(); l.Close(); all.Wait() })
	return s
}

func (s *slowDatabase) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = true
}

// serve carries one connection until either side or ctx ends.
func (s *slowDatabase) serve(ctx context.Context, client net.Conn) {
	server, err := net.Dial("unix", s.behind)
	if err != nil {
		client.Close()
		return
	}
	shut := func() { client.Close(); server.Close() }
	defer context.AfterFunc(ctx, shut)()
	defer shut()
	var up sync.WaitGroup
	up.Go(func() {
		defer shut()
		carry(client, server, func(p []byte) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.held && bytes.Contains(p, []byte(`"method"`)) {
				s.held = false
				close(s.asked)
			}
		})
	})
	carry(server, client, func([]byte) {
		s.mu.Lock()
		held := s.held
		s.mu.Unlock()
		if held {
			select {
			case <-s.asked:
			case <-ctx.Done():
			}
		}
	})
	shut()
	up.Wait()
}

// carry copies from one side to the other and passes the bytes to look.
func carry(from, to net.Conn, look func([]byte)) {
	p := make([]byte, 64<<10)
	for {
		n, err := from.Read(p)
		if err != nil {
			return
		}
		look(p[:n])
		if _, err := to.Write(p[:n]); err != nil {
			return
		}
	}
}

// TestRemovedPortIsNoReplacedDevice: a port that somebody removes is reported as removed, not as one whose device was made again.
// The kernel may report the device before the database reports the port.
func TestRemovedPortIsNoReplacedDevice(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	slow := b.slowDown()
	b.sync()
	b.must(create(ourBridge()))
	b.watch()
	b.live("br-int")
	b.veth("eth1")
	b.veth("tap1")
	uplink := &object.Uplink{OwnerUID: hostUID, Bridge: "br-int", Device: "eth1", PhysicalNetwork: "physnet1"}
	b.must(create(uplink), create(guest("tap1")))
	for _, want := range []object.Object{uplink, guest("tap1")} {
		same(t, want, b.observe(want.Key()))
	}
	slow.hold()
	if _, err := b.Exec(t.Context(), "ovs-vsctl", "--db=unix:"+slow.behind, "del-port", "br-int", "eth1", "--", "del-port", "br-int", "tap1"); err != nil {
		t.Fatal(err)
	}
	found, err := b.d.Observe(t.Context(), []object.Key{uplink.Key(), guest("tap1").Key()})
	if err != nil || len(found) > 0 {
		t.Errorf("removed ports are observed: %v, %v", found, err)
	}
}
