//go:build integration

package attack

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
	"weft/hostnet/ovs"
	"weft/hostnet/ovs/ovstest"
	"weft/hostnet/tagfilter"
	"weft/integration/timescale"
	"weft/model"
	"weft/model/desired"
)

const (
	hostUID = "00000000-0000-4000-8000-0000000000ff"
	netRed  = "aaaaaaaa-0000-4000-8000-000000000001"
	netBlue = "bbbbbbbb-0000-4000-8000-000000000002"
	vidRed  = 101
	vidBlue = 102
)

// guest is one guest of the stage: a namespace with the far end of a veth. The near end is a port of the bridge.
type guest struct {
	*tap
	namespace string
	mac       object.MAC
	v4, v6    netip.Addr
	ll        netip.Addr // derived from the MAC
}

// stage is one host. Guests a and b are on network red, c is on blue, s is in standby on red, and x is plugged but has no intent. uplink is
// the far end of the uplink.
type stage struct {
	host            *ovstest.Host // nil on a bridge host
	namespace       string        // the host's
	driver          driver
	switches        *ovs.Driver // nil on a bridge host
	config          *desired.NodeConfig
	facts           *object.Facts               // the driver's last facts
	links           map[string]object.LinkFacts // of the host's namespace
	a, b, c, s, x   *guest
	uplink          *tap
	uplinkNamespace string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	host := ovstest.Start(t)
	var links *own.Links
	err := host.Inside(func() (err error) { links, err = own.OpenLinks(slog.Default()); return err })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { links.Close() })
	switches := ovs.New(ovs.Config{Links: links, RunDir: host.RunDir, DatapathType: "netdev", Inside: host.Inside})
	t.Cleanup(switches.Close)
	d := &drivers{namespace: host.Namespace, parts: []driver{switches}}
	err = inNamespace(host.Namespace, func() error {
		tags, err := tagfilter.New(tagfilter.Config{Links: links})
		if err == nil {
			d.add(t, tags)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	st := &stage{host: host, namespace: host.Namespace, driver: d, switches: switches}
	st.populate(t, &desired.Host{Driver: model.DriverOVS, Bridge: "br-int"})
	// Somebody plugs it without an intent.
	st.vsctl(t, "add-port", "br-int", "tapx")
	return st
}

// populate plugs and declares everything, and converges the host.
func (st *stage) populate(t *testing.T, host *desired.Host) {
	t.Helper()
	host.UID, host.Name, host.MACPrefix = hostUID, "h1", model.MAC(chosen)
	host.Uplinks = []desired.Uplink{{PhysicalNetwork: "rack", Interface: "eth1", MTU: 1500}}
	st.links = map[string]object.LinkFacts{}
	st.config = desired.NewNodeConfig(host, network(netRed, vidRed, 1), network(netBlue, vidBlue, 2))
	st.uplinkNamespace = st.plug(t, "eth1")
	st.uplink = openTap(t, st.uplinkNamespace, "eth0")
	st.a, st.b = st.guest(t, "a", netRed, 10), st.guest(t, "b", netRed, 20)
	st.c, st.s, st.x = st.guest(t, "c", netBlue, 30), st.guest(t, "s", netRed, 40), st.guest(t, "x", netRed, 50)
	st.port(st.s).State = desired.StateStandby
	st.config.Remove(desired.Key{Kind: desired.KindPort, UID: portUID("x")})
	st.converge(t)
}

func network(uid string, vid uint16, octet int) *desired.Network {
	return &desired.Network{
		UID: uid, Project: "alpha", Name: fmt.Sprint("n", vid), Type: model.NetworkTypeVLAN, PhysicalNetwork: "rack", SegmentationID: vid, MTU: 1500,
		Subnets: []desired.Subnet{
			{CIDR: model.Prefix{Prefix: netip.MustParsePrefix(fmt.Sprintf("10.%d.0.0/24", octet))},
				DHCPServer: model.Address{Addr: netip.MustParseAddr(fmt.Sprintf("10.%d.0.2", octet))}},
			{CIDR: model.Prefix{Prefix: netip.MustParsePrefix(fmt.Sprintf("fd00:%d::/64", octet))}},
		},
		DHCP: desired.DHCP{LeaseSeconds: 3600, MTU: 1500},
	}
}

func portUID(name string) string { return fmt.Sprintf("%08x-0000-4000-8000-000000000000", name[0]) }

func (st *stage) port(g *guest) *desired.Port {
	for p := range st.config.Ports() {
		if object.MAC(p.MAC) == g.mac {
			return p
		}
	}
	return nil
}

// guest plugs a guest and declares its port.
func (st *stage) guest(t *testing.T, name, network string, last byte) *guest {
	t.Helper()
	octet := byte(1)
	if network == netBlue {
		octet = 2
	}
	g := &guest{mac: object.MAC{0xfa, 0x16, 0x3e, 0, octet, last}, v4: netip.AddrFrom4([4]byte{10, octet, 0, last}),
		v6: netip.MustParseAddr(fmt.Sprintf("fd00:%d::%x", octet, last))}
	g.ll = derived(g.mac)
	g.namespace = st.plug(t, "tap"+name)
	g.tap = openTap(t, g.namespace, "eth0")
	g.tap.name = name
	p := &desired.Port{UID: portUID(name), Project: "alpha", Name: name, Network: network, MAC: model.MAC(g.mac), Device: "tap" + name,
		InterfaceID: "if-" + name, Addresses: []model.Address{{Addr: g.v4}, {Addr: g.v6}}, State: desired.StateActive}
	st.config.Put(p)
	return g
}

// plug makes a veth with one end on the host. The other end, eth0, is in a namespace of its own, and sends nothing by itself.
func (st *stage) plug(t *testing.T, device string) (namespace string) {
	t.Helper()
	namespace = st.namespace + "-" + device
	ipCommand(t, "netns", "add", namespace)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), timescale.Bound(10*time.Second))
		defer cancel()
		_ = exec.CommandContext(ctx, "ip", "netns", "delete", namespace).Run()
	})
	err := inNamespace(namespace, func() error {
		// Frames that the kernel sends by itself are not part of the test.
		return os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	ipCommand(t, "-n", st.namespace, "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", namespace)
	ipCommand(t, "-n", st.namespace, "link", "set", device, "addrgenmode", "none", "up")
	ipCommand(t, "-n", namespace, "link", "set", "eth0", "up", "arp", "off")
	st.links[device] = object.LinkFacts{Kind: "veth", MTU: 1500, Up: true}
	return namespace
}

// ipCommand runs ip(8) outside of every namespace. A namespace that it adds inside of another would not be visible outside.
func ipCommand(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func (st *stage) vsctl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := st.host.VSCtl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (st *stage) ofctl(t *testing.T, command string, args ...string) string {
	t.Helper()
	out, err := st.host.OFCtl(t.Context(), "br-int", command, args...)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return out
}
