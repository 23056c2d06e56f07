package metadata

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

var guestMAC = object.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}

// cloud is a driver whose guests are TCP/IP stacks in this process.
type cloud struct {
	t      *testing.T
	driver *Driver
	frames chan func() // what guests send, in order, read by one goroutine as the mux does

	mu     sync.Mutex
	guests map[string]*testGuest
}

// testGuest is a guest on a device. It implements packetsocket.Transport for its own device.
type testGuest struct {
	cloud    *cloud
	device   string
	mac      object.MAC
	receiver packetsocket.Receiver
	stack    *stack.Stack
	link     *link
	answers  chan []byte
	deaf     chan struct{} // closed: the guest receives nothing more
	seen     chan []byte   // copies of all frames to the guest, as far as there is room
}

func newCloud(t *testing.T) *cloud {
	c := &cloud{t: t, frames: make(chan func(), 10000), guests: map[string]*testGuest{}}
	c.driver = New(c.open, slog.New(slog.DiscardHandler))
	var mux sync.WaitGroup
	mux.Go(func() {
		for f := range c.frames {
			f()
		}
	})
	t.Cleanup(func() {
		if err := c.driver.Close(); err != nil {
			t.Error(err)
		}
		for _, g := range c.guests {
			g.stop()
		}
		close(c.frames)
		mux.Wait()
	})
	return c
}

func (c *cloud) open(device string, _ packetsocket.Filter, r packetsocket.Receiver) (packetsocket.Transport, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.guests[device]
	g.receiver = r
	return g, nil
}

// guest makes a guest with these addresses on a device, and serves the binding.
func (c *cloud) guest(b *object.MetadataBinding) *testGuest {
	c.t.Helper()
	g := &testGuest{cloud: c, device: b.Device, mac: b.MAC, answers: make(chan []byte, 10000), deaf: make(chan struct{}), seen: make(chan []byte, 1000)}
	g.link = newLink(fromGuest{g}, object.GatewayMAC, 1500)
	g.stack = stack.New(stack.Options{NetworkProtocols: []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol}})
	must(c.t, g.stack.CreateNIC(nicID, g.link))
	addresses := []netip.Addr{netip.MustParseAddr("fe80::5")}
	for _, a := range b.Addresses {
		addresses = append(addresses, a.Addr())
	}
	for _, a := range addresses {
		g.address(a)
	}
	g.stack.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nicID}, {Destination: header.IPv6EmptySubnet, NIC: nicID}})
	c.mu.Lock()
	c.guests[b.Device] = g
	c.mu.Unlock()
	go func() {
		for f := range g.answers {
			protocol := header.IPv4ProtocolNumber
			if packetsocket.EtherType(f) == packetsocket.EtherTypeIPv6 {
				protocol = header.IPv6ProtocolNumber
			}
			select {
			case <-g.deaf:
			default:
				g.link.receive(protocol, f[ethernetSize:])
			}
		}
	}()
	c.apply(object.Create, b)
	return g
}

func (g *testGuest) address(a netip.Addr) {
	protocol := header.IPv4ProtocolNumber
	if a.Is6() {
		protocol = header.IPv6ProtocolNumber
	}
	own := tcpip.ProtocolAddress{Protocol: protocol, AddressWithPrefix: tcpip.AddrFromSlice(a.AsSlice()).WithPrefix()}
	must(g.cloud.t, g.stack.AddProtocolAddress(nicID, own, stack.AddressProperties{}))
}

func must(t *testing.T, err tcpip.Error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (g *testGuest) stop() {
	g.stack.Destroy()
	close(g.answers)
}

func (c *cloud) apply(op object.Op, b *object.MetadataBinding) {
	c.t.Helper()
	change := object.Change{Op: op, Desired: b}
	if op == object.Delete {
		change = object.Change{Op: op, Observed: b}
	}
	if err := c.driver.Apply(c.t.Context(), []object.Change{change})[0]; err != nil {
		c.t.Fatal(err)
	}
}

// fromGuest is what the guest's stack sends by.
type fromGuest struct{ g *testGuest }

func (f fromGuest) Send(frame []byte) error {
	frame = slices.Clone(frame)
	copy(frame[6:12], f.g.mac[:])
	f.g.cloud.hear(f.g, frame)
	return nil
}
func (f fromGuest) Alive() bool  { return true }
func (f fromGuest) Close() error { return nil }

// hear passes on a frame as if the guest had sent it, if the filter passes it.
func (c *cloud) hear(g *testGuest, frame []byte) {
	c.frames <- func() {
		for _, answer := range g.receiver.Frame(frame) {
			_ = g.Send(answer)
		}
	}
}

// Send implements packetsocket.Transport: it sends to the guest.
func (g *testGuest) Send(frame []byte) error {
	frame = slices.Clone(frame)
	select {
	case g.seen <- frame:
	default:
	}
	if t := packetsocket.EtherType(frame); t == packetsocket.EtherTypeIPv4 || t == packetsocket.EtherTypeIPv6 {
		g.answers <- frame
	}
	return nil
}

func (g *testGuest) SetFilter(packetsocket.Filter) error { return nil }
func (g *testGuest) Alive() bool                         { return true }
func (g *testGuest) Close() error                        { return nil }

// dial connects to the metadata service from one of the guest's addresses, chosen by the stack.
func (g *testGuest) dial(ctx context.Context, to netip.Addr) (net.Conn, error) {
	return g.dialPort(ctx, to, object.MetadataPort)
}

func (g *testGuest) dialPort(ctx context.Context, to netip.Addr, port uint16) (net.Conn, error) {
	protocol := header.IPv4ProtocolNumber
	if to.Is6() {
		protocol = header.IPv6ProtocolNumber
	}
	return gonet.DialContextTCP(ctx, g.stack, tcpip.FullAddress{NIC: nicID, Addr: tcpip.AddrFromSlice(to.AsSlice()), Port: port}, protocol)
}

// client is an HTTP client inside the guest.
func (g *testGuest) client(to netip.Addr) *http.Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return g.dial(ctx, to) }}
	g.cloud.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// get asks by IPv4.
func (g *testGuest) get(path string) (int, string) {
	g.cloud.t.Helper()
	return fetch(g.cloud.t, g.client(object.MetadataIPv4), path)
}

func fetch(t *testing.T, c *http.Client, path string) (int, string) {
	t.Helper()
	r, err := c.Get("http://169.254.169.254" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

// binding is that of a port. userData tells guests apart, because they all have the same addresses.
func binding(device, userData string) *object.MetadataBinding {
	return &object.MetadataBinding{
		OwnerUID: "6f0c1b1e-0000-4000-8000-000000000001", Device: device, MAC: guestMAC, MTU: 1450, Project: "alpha", Name: "web-1",
		Hostname: "web-1", Domain: "alpha.example", Network: "net-1", UserData: object.Secret(userData),
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.5/24"), netip.MustParsePrefix("2001:db8::5/64")},
		Gateways:  []netip.Addr{netip.MustParseAddr("10.0.0.1")},
		SSHKeys:   []object.Secret{object.Secret("ssh-ed25519 AAAA ops")},
		Words:     []object.MetadataWord{{Key: "role", Value: object.Secret("web")}},
	}
}

// eventually waits for what no event reports.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
