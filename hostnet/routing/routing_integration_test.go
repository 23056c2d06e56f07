//go:build integration

package routing

import (
	"io"
	"net"
	"testing"
	"time"

	"weft/hostnet/netns"
	"weft/hostnet/object"
)

// TestRouterForwards: two guests on two networks reach each other through the namespace, with pings and TCP streams of both
// families.
func TestRouterForwards(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start()
	if made := h.converge(router()...); made == 0 {
		t.Fatal("nothing was made")
	}
	if made := h.converge(router()...); made != 0 {
		t.Errorf("the second time %d changes were made", made)
	}
	a := h.guest("a", "wl1", macA.String(), "10.1.0.1", object.GatewayLinkLocal.String(), "10.1.0.5/24", "fd01::5/64")
	b := h.guest("b", "wl2", macB.String(), "10.2.0.1", object.GatewayLinkLocal.String(), "10.2.0.5/24", "fd02::5/64")
	in(t, a, "ping", "-c1", "-w10", "10.2.0.5")
	in(t, a, "ping", "-c1", "-w10", "fd02::5")
	in(t, b, "ping", "-c1", "-w10", "10.1.0.5")
	for _, address := range []string{"10.2.0.5:9", "[fd02::5]:9"} {
		h.stream("a", "b", address)
	}
	h.converge()
	if out := in(t, h.path("host"), "ip", "-o", "link"); len(out) == 0 || contains(out, "wl1") {
		t.Errorf("left on the host: %s", out)
	}
}

// TestHostWithIPv6SwitchedOff: a host has IPv6 off on all its present and future devices. Its routers still have IPv6, because
// namespaces have their own settings.
func TestHostWithIPv6SwitchedOff(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	in(t, h.path("host"), "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
	h.start()
	h.converge(router()...)
	a := h.guest("a", "wl1", macA.String(), "10.1.0.1", object.GatewayLinkLocal.String(), "10.1.0.5/24", "fd01::5/64")
	h.guest("b", "wl2", macB.String(), "10.2.0.1", object.GatewayLinkLocal.String(), "10.2.0.5/24", "fd02::5/64")
	in(t, a, "ping", "-c1", "-w10", "10.2.0.5")
	in(t, a, "ping", "-c1", "-w10", "fd02::5")
}

// stream sends a megabyte by TCP.
func (h *host) stream(from, to, address string) {
	h.t.Helper()
	client, err := h.names.Open(from)
	must(h.t, err)
	defer client.Close()
	server, err := h.names.Open(to)
	must(h.t, err)
	defer server.Close()
	var l net.Listener
	must(h.t, server.Do(func() (err error) { l, err = net.Listen("tcp", address); return err }))
	got := make(chan int64, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			got <- -1
			return
		}
		defer c.Close()
		n, _ := io.Copy(io.Discard, c)
		got <- n
	}()
	must(h.t, sendAll(client, address))
	must(h.t, l.Close())
	if n := <-got; n != streamSize {
		h.t.Errorf("%s: %d bytes arrived, want %d", address, n, streamSize)
	}
}

const streamSize = 1 << 20

func sendAll(from *netns.Space, address string) error {
	return from.Do(func() error {
		c, err := net.DialTimeout("tcp", address, eventDeadline)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(eventDeadline)); err != nil {
			return err
		}
		_, err = c.Write(make([]byte, streamSize))
		return err
	})
}

func contains(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		if s[i:i+len(part)] == part {
			return true
		}
	}
	return false
}
