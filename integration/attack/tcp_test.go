//go:build integration

package attack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"weft/integration/timescale"
)

// TCP of both families runs between two guests with the kernel's own ARP and ND. It also runs between a guest and a machine on the
// network's VLAN, if that machine is there. Port security must not stop this.
func TestTCPBothFamilies(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	for _, g := range []*guest{st.a, st.b} {
		st.configure(t, g)
	}
	for _, pair := range []struct{ from, to netip.Addr }{{st.a.v4, st.b.v4}, {st.a.v6, st.b.v6}} {
		if err := transfer(t.Context(), st.a.namespace, st.b.namespace, pair.to); err != nil {
			t.Errorf("TCP from %s to %s: %v", pair.from, pair.to, err)
		}
	}
	out := st.ofctl(t, "dump-flows", "table=12")
	if strings.Contains(out, "ipv6_src") {
		t.Errorf("addresses derived from the MAC need no learning, learned: %s", out)
	}
}

// configure gives a guest's kernel its addresses, as the DHCP client would.
func (st *stage) configure(t *testing.T, g *guest) {
	t.Helper()
	err := inNamespace(g.namespace, func() error {
		for key, value := range map[string]string{"disable_ipv6": "0", "accept_ra": "0"} {
			if err := os.WriteFile("/proc/sys/net/ipv6/conf/eth0/"+key, []byte(value), 0o644); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ipCommand(t, "-n", g.namespace, "link", "set", "eth0", "down")
	ipCommand(t, "-n", g.namespace, "link", "set", "eth0", "address", g.mac.String(), "arp", "on", "up")
	ipCommand(t, "netns", "exec", g.namespace, "ethtool", "-K", "eth0", "tx", "off")
	ipCommand(t, "-n", g.namespace, "address", "add", g.v4.String()+"/24", "dev", "eth0")
	ipCommand(t, "-n", g.namespace, "-6", "address", "add", g.v6.String()+"/64", "dev", "eth0")
	// Duplicate address detection runs for real; its end is announced by netlink, which `ip monitor` prints.
	waitForAddress(t, g)
}

// waitForAddress returns when duplicate address detection has let the guest have its IPv6 address.
func waitForAddress(t *testing.T, g *guest) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timescale.Bound(20*time.Second))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		out, err := exec.CommandContext(ctx, "ip", "-n", g.namespace, "-6", "-o", "address", "show", "dev", "eth0").CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("dadfailed")) {
			t.Fatalf("guest %s: %v: %s", g.name, err, out)
		}
		if bytes.Contains(out, []byte(g.v6.String())) && !bytes.Contains(out, []byte("tentative")) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("guest %s has no IPv6 address: %s", g.name, out)
		}
	}
}

// transfer sends 4 MiB over TCP from one namespace to another and compares what arrives.
func transfer(ctx context.Context, from, to string, address netip.Addr) error {
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(30*time.Second))
	defer cancel()
	var listener net.Listener
	if err := inNamespace(to, func() (err error) {
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(address.String(), "7000"))
		return err
	}); err != nil {
		return err
	}
	defer listener.Close()
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	received := make(chan error, 1)
	go func() { received <- receive(listener, data) }()
	var conn net.Conn
	if err := inNamespace(from, func() (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", listener.Addr().String())
		return err
	}); err != nil {
		listener.Close()
		<-received
		return err
	}
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	_, err := conn.Write(data)
	conn.Close()
	return errors.Join(err, <-received)
}

func receive(l net.Listener, want []byte) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(timescale.Bound(30 * time.Second)))
	got, err := io.ReadAll(conn)
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("%d bytes arrived, not those that were sent", len(got))
	}
	return err
}
