package etcdschema

import (
	"log/slog"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"weft/etcdschema/etcdserver"
)

// proxy is a connection to an etcd. It can be cut, restored, and directed to another etcd.
type proxy struct {
	listener net.Listener
	mu       sync.Mutex
	target   string        // host:port; empty while cut
	thaw     chan struct{} // closed while bytes go through
	delay    time.Duration // of every answer
	conns    map[net.Conn]bool
	running  sync.WaitGroup
}

func startProxy(t *testing.T, e *etcdserver.Server) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, conns: map[net.Conn]bool{}, thaw: make(chan struct{})}
	close(p.thaw)
	p.turn(t, e)
	p.running.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.cut()
		p.flow()
		p.running.Wait()
	})
	return p
}

func (p *proxy) open(t *testing.T) *Client {
	t.Helper()
	c, err := Open(t.Context(), Config{Endpoints: []string{"http://" + p.listener.Addr().String()}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// turn forwards connections to this etcd from now on.
func (p *proxy) turn(t *testing.T, e *etcdserver.Server) {
	t.Helper()
	u, err := url.Parse(e.Endpoints()[0])
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = u.Host
}

// cut ends all connections and accepts no new ones.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = ""
	for c := range p.conns {
		c.Close()
	}
}

// freeze keeps connections open and accepts new ones, but forwards nothing. This looks like a stopped process, or like a path on
// which packets are lost.
func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.thaw = make(chan struct{})
}

// flow ends freeze and slow.
func (p *proxy) flow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = 0
	select {
	case <-p.thaw:
	default:
		close(p.thaw)
	}
}

// slow delays everything that the server sends.
func (p *proxy) slow(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// carry copies until one side ends.
func (p *proxy) carry(to, from net.Conn, answers bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		thaw, delay := p.thaw, p.delay
		p.mu.Unlock()
		<-thaw
		if answers && delay > 0 {
			<-time.After(delay)
		}
		if _, failed := to.Write(buf[:n]); failed != nil || err != nil {
			return
		}
	}
}

func (p *proxy) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target := p.target
		p.mu.Unlock()
		if target == "" {
			in.Close()
			continue
		}
		out, err := net.Dial("tcp", target)
		if err != nil {
			in.Close()
			continue
		}
		p.join(in, out)
	}
}

func (p *proxy) join(a, b net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.target == "" { // cut meanwhile
		a.Close()
		b.Close()
		return
	}
	p.conns[a], p.conns[b] = true, true
	for i, pair := range [][2]net.Conn{{a, b}, {b, a}} {
		p.running.Go(func() {
			p.carry(pair[0], pair[1], i == 0)
			pair[0].Close()
			pair[1].Close()
			p.mu.Lock()
			defer p.mu.Unlock()
			delete(p.conns, pair[0])
		})
	}
}
