package metadata

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weft/hostnet/object"
)

// echo is a service on the host that sends back what it gets, and then ends its side.
func echo(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return l
}

func serviceAt(name string, port uint16, l net.Listener) object.HostService {
	return object.HostService{Name: name, Port: port, Network: l.Addr().Network(), Address: l.Addr().String()}
}

// withServices is a port with hostNet: piggyback.
func withServices(device string, services ...object.HostService) *object.MetadataBinding {
	b := binding(device, device)
	b.Services = services
	return b
}

// onHostNet is the NIC on the host network.
func onHostNet(device string, services ...object.HostService) *object.MetadataBinding {
	return &object.MetadataBinding{OwnerUID: "u", Device: device, MAC: guestMAC, MTU: 1500, HostNet: true, Services: services,
		Addresses: []netip.Prefix{object.HostNetGuest}}
}

func (g *testGuest) reach(to netip.Addr, port uint16) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(g.cloud.t.Context(), 20*time.Second)
	defer cancel()
	conn, err := g.dialPort(ctx, to, port)
	if err == nil {
		g.cloud.t.Cleanup(func() { _ = conn.Close() })
		err = conn.SetDeadline(time.Now().Add(20 * time.Second))
	}
	return conn, err
}

func (g *testGuest) mustReach(to netip.Addr, port uint16) net.Conn {
	g.cloud.t.Helper()
	conn, err := g.reach(to, port)
	if err != nil {
		g.cloud.t.Fatalf("%s port %d: %v", to, port, err)
	}
	return conn
}

// says sends a line, and reads it back.
func says(conn net.Conn) error {
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, len("hello\n")))
	return err
}

// TestGuestsReachServicesOfTheHost: by both families, on their own NIC and on one of the host network, on loopback ports and UNIX sockets. All
// that one side says reaches the other, with its end.
func TestGuestsReachServicesOfTheHost(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	tcp := echo(t, "tcp", "127.0.0.1:0")
	unix := echo(t, "unix", filepath.Join(t.TempDir(), "s"))
	services := []object.HostService{serviceAt("tcp", 3128, tcp), serviceAt("unix", 514, unix)}
	piggyback, nic := c.guest(withServices("tap1", services...)), c.guest(onHostNet("nic1", services...))
	sent := uint64(0)
	for _, way := range []struct {
		guest *testGuest
		to    netip.Addr
	}{{piggyback, object.MetadataIPv4}, {piggyback, object.MetadataIPv6}, {nic, object.HostNetIPv4}, {nic, object.MetadataIPv6}} {
		for _, s := range services {
			conn := way.guest.mustReach(way.to, s.Port)
			data := bytes.Repeat([]byte("0123456789"), 4000)
			sent += uint64(len(data))
			go func() {
				_, _ = conn.Write(data)
				_ = conn.(halfCloser).CloseWrite()
			}()
			got, err := io.ReadAll(conn)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s %s: %d of %d bytes came back, %v", way.to, s.Name, len(got), len(data), err)
			}
		}
	}
	eventually(t, "the end of all connections", func() bool { return c.driver.Stats().Relays == 0 })
	for _, s := range services {
		if got := c.driver.Stats().Services[s.Name]; got != (ServiceStats{Connections: 4, ToGuests: sent / 2, FromGuests: sent / 2}) {
			t.Errorf("%s: %+v", s.Name, got)
		}
	}
}

// TestNothingElseIsReached: a guest reaches what its binding lists, and nothing else of the host.
func TestNothingElseIsReached(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	l := echo(t, "tcp", "127.0.0.1:0")
	other := uint16(l.Addr().(*net.TCPAddr).Port) // the port on the host itself
	s := serviceAt("echo", 3128, l)
	plain, piggyback, nic := c.guest(binding("tap1", "x")), c.guest(withServices("tap2", s)), c.guest(onHostNet("nic1", s))
	for _, way := range []struct {
		what  string
		guest *testGuest
		to    netip.Addr
		port  uint16
	}{
		{"a port without host network", plain, object.MetadataIPv4, 3128},
		{"a port without host network", plain, object.MetadataIPv6, 3128},
		{"another port of the host", piggyback, object.MetadataIPv4, other},
		{"another port of the host", nic, object.MetadataIPv6, other},
		{"the other address", piggyback, object.HostNetIPv4, 3128},
		{"the other address", nic, object.MetadataIPv4, 3128},
		{"metadata on the host network", nic, object.HostNetIPv4, object.MetadataPort},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if conn, err := way.guest.dialPort(ctx, way.to, way.port); err == nil {
			_ = conn.Close()
			t.Errorf("%s: port %d of %s answers", way.what, way.port, way.to)
		}
		cancel()
	}
	if n := c.driver.Stats().Rejected[RejectedPort]; n < 5 {
		t.Errorf("%d packets to other ports were rejected", n)
	}
	if err := says(piggyback.mustReach(object.MetadataIPv4, 3128)); err != nil {
		t.Error(err)
	}
}

// TestAWithdrawnServiceEnds: the connections to a service end when the guest may not use it any more, or when it is elsewhere. Those to other
// ones go on, and so does the metadata service.
func TestAWithdrawnServiceEnds(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	first, second := echo(t, "tcp", "127.0.0.1:0"), echo(t, "tcp", "127.0.0.1:0")
	a, b, moved := serviceAt("a", 1001, first), serviceAt("b", 1002, first), serviceAt("b", 1002, second)
	g := c.guest(withServices("tap1", a, b))
	toA, toB := g.mustReach(object.MetadataIPv4, 1001), g.mustReach(object.MetadataIPv4, 1002)
	for _, conn := range []net.Conn{toA, toB} {
		if err := says(conn); err != nil {
			t.Fatal(err)
		}
	}
	c.apply(object.Update, withServices("tap1", a, moved))
	if _, err := toB.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the connection to a service that is elsewhere now: %v", err)
	}
	if err := says(toA); err != nil {
		t.Errorf("the connection to the other service: %v", err)
	}
	if err := says(g.mustReach(object.MetadataIPv4, 1002)); err != nil {
		t.Errorf("a connection to where the service is now: %v", err)
	}
	c.apply(object.Update, binding("tap1", "x"))
	if _, err := toA.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the connection to a service of before: %v", err)
	}
	if code, _ := g.get("/latest/user-data"); code != 200 {
		t.Errorf("metadata: %d", code)
	}
}

// TestConnectionsToServicesAreBounded by port and by host. The newest are refused, and all others go on.
func TestConnectionsToServicesAreBounded(t *testing.T) {
	t.Parallel()
	b := defaultBounds()
	b.portRelays, b.relays = 3, 4
	c := newCloud(t).bound(b)
	s := serviceAt("echo", 3128, echo(t, "tcp", "127.0.0.1:0"))
	one, two := c.guest(withServices("tap1", s)), c.guest(withServices("tap2", s))
	var held []net.Conn
	reach := func(g *testGuest) bool {
		conn, err := g.reach(object.MetadataIPv4, 3128)
		if err != nil || says(conn) != nil { // it is reset after it was accepted
			return false
		}
		held = append(held, conn)
		return true
	}
	for i, want := range []bool{true, true, true, false, false} {
		if got := reach(one); got != want {
			t.Fatalf("connection %d of a port: %v", i, got)
		}
	}
	if !reach(two) || reach(two) {
		t.Error("a neighbour has none, or more than the host can have")
	}
	for _, conn := range held {
		if err := says(conn); err != nil {
			t.Errorf("an older connection: %v", err)
		}
	}
	if got := c.driver.Stats().Services["echo"].Refused; got != 3 {
		t.Errorf("%d refused", got)
	}
	_ = held[0].Close()
	eventually(t, "room", func() bool { return c.driver.Stats().Relays < 4 })
	if !reach(two) {
		t.Error("no connection although there is room")
	}
}

// TestAServiceThatDoesNotAnswer: the guest's connection is reset.
func TestAServiceThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	l := echo(t, "tcp", "127.0.0.1:0")
	s := serviceAt("gone", 3128, l)
	_ = l.Close()
	conn := c.guest(withServices("tap1", s)).mustReach(object.MetadataIPv4, 3128)
	if err := says(conn); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("a connection to nobody: %v", err)
	}
	eventually(t, "the count", func() bool { return c.driver.Stats().Services["gone"] == ServiceStats{Failed: 1} })
}

// TestASilentConnectionStays as long as the guest answers for it, and goes when the guest does not.
func TestASilentConnectionStays(t *testing.T) {
	t.Parallel()
	b := defaultBounds()
	b.idle, b.silent = 2*time.Second, 500*time.Millisecond
	c := newCloud(t).bound(b)
	g := c.guest(withServices("tap1", serviceAt("echo", 3128, echo(t, "tcp", "127.0.0.1:0"))))
	conn := g.mustReach(object.MetadataIPv4, 3128)
	if err := says(conn); err != nil {
		t.Fatal(err)
	}
	<-time.After(2 * b.idle) // what is awaited is that nothing happens
	if err := says(conn); err != nil {
		t.Errorf("a connection that was silent for %v: %v", 2*b.idle, err)
	}
	close(g.deaf)
	eventually(t, "the end of a connection of a guest that is gone", func() bool { return c.driver.Stats().Relays == 0 && c.driver.Stats().Stacks == 0 })
}
