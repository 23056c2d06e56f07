package etcdschema

import (
	"io"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy is a road to an etcd that can be cut, healed and turned to another etcd.
type proxy struct {
	listener net.Listener
	mu       sync.Mutex
	target   string // host:port; empty while cut
	conns    map[net.Conn]bool
	running  sync.WaitGroup
}

func startProxy(t *testing.T, e *Embedded) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, conns: map[net.Conn]bool{}}
	p.turn(t, e)
	p.running.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.cut()
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

// turn lets connections through to the etcd from now on.
func (p *proxy) turn(t *testing.T, e *Embedded) {
	t.Helper()
	u, err := url.Parse(e.Endpoints()[0])
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = u.Host
}

// cut ends all connections and lets no new ones through.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = ""
	for c := range p.conns {
		c.Close()
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
	for _, pair := range [][2]net.Conn{{a, b}, {b, a}} {
		p.running.Go(func() {
			io.Copy(pair[0], pair[1])
			pair[0].Close()
			pair[1].Close()
			p.mu.Lock()
			defer p.mu.Unlock()
			delete(p.conns, pair[0])
		})
	}
}
