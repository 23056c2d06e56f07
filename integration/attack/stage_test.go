//go:build integration

package attack

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/hostnet/ovs/ovstest"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
)

const (
	hostUID = "00000000-0000-4000-8000-0000000000ff"
	netRed  = "aaaaaaaa-0000-4000-8000-000000000001"
	netBlue = "bbbbbbbb-0000-4000-8000-000000000002"
	vidRed  = 101
	vidBlue = 102
)

// guest is one guest of the stage: a namespace with the far end of a veth whose near end is a port of the bridge.
type guest struct {
	*tap
	namespace string
	mac       object.MAC
	v4, v6    netip.Addr
	ll        netip.Addr // derived from the MAC
}

// stage is one host: guests a and b on network red, c on blue, s in standby on red, and x, which is plugged and claimed by
// nobody; wire is the far end of the uplink.
type stage struct {
	host          *ovstest.Host
	slice         *desired.Slice
	facts         *object.Facts
	a, b, c, s, x *guest
	wire          *tap
	wireNamespace string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	st := &stage{host: ovstest.Start(t), facts: &object.Facts{
		DatapathType: "netdev", Links: map[string]object.LinkFacts{}, Interfaces: map[string]object.InterfaceFacts{},
	}}
	st.vsctl(t, "add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev", "fail_mode=secure",
		"protocols="+strings.Join(object.BridgeProtocols(), ","))
	st.ofctl(t, "set-frags", object.FragmentsNXMatch)
	st.slice = &desired.Slice{
		Host: &desired.Host{UID: hostUID, Name: "h1", Driver: model.DriverOVS, Bridge: "br-int",
			Uplinks: []desired.Uplink{{PhysicalNetwork: "rack", Interface: "eth1", MTU: 1500}}},
		Networks: map[string]*desired.Network{netRed: network(netRed, vidRed, 1), netBlue: network(netBlue, vidBlue, 2)},
		Ports:    map[string]*desired.Port{},
	}
	st.wireNamespace = st.plug(t, "eth1")
	st.wire = openTap(t, st.wireNamespace, "eth0")
	st.a, st.b = st.guest(t, "a", netRed, 10), st.guest(t, "b", netRed, 20)
	st.c, st.s, st.x = st.guest(t, "c", netBlue, 30), st.guest(t, "s", netRed, 40), st.guest(t, "x", netRed, 50)
	st.port(st.s).State = desired.StateStandby
	delete(st.slice.Ports, portUID("x"))
	st.install(t, st.compile(t))
	return st
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
	for _, p := range st.slice.Ports {
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
	st.slice.Ports[p.UID] = p
	return g
}

// plug makes a veth with one end on the bridge and the other, eth0, in a namespace of its own, silent, and learns its
// port number.
func (st *stage) plug(t *testing.T, device string) (namespace string) {
	t.Helper()
	namespace = st.host.Namespace + "-" + device
	ipCommand(t, "netns", "add", namespace)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = exec.CommandContext(ctx, "ip", "netns", "delete", namespace).Run()
	})
	err := inNamespace(namespace, func() error {
		// What the kernel would say by itself is not part of the test.
		return os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	ipCommand(t, "-n", st.host.Namespace, "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", namespace)
	ipCommand(t, "-n", st.host.Namespace, "link", "set", device, "addrgenmode", "none", "up")
	ipCommand(t, "-n", namespace, "link", "set", "eth0", "up", "arp", "off")
	st.facts.Links[device] = object.LinkFacts{MTU: 1500, Up: true}
	st.number(t, device)
	return namespace
}

// number makes a device a port of the bridge and learns its port number.
func (st *stage) number(t *testing.T, device string) uint32 {
	t.Helper()
	st.vsctl(t, "add-port", "br-int", device)
	ofport, err := strconv.Atoi(strings.TrimSpace(st.vsctl(t, "get", "interface", device, "ofport")))
	if err != nil || ofport <= 0 {
		t.Fatalf("port number of %s: %d, %v", device, ofport, err)
	}
	st.facts.Interfaces[device] = object.InterfaceFacts{Bridge: "br-int", OFPort: uint32(ofport), Created: true}
	return uint32(ofport)
}

// ipCommand runs ip(8) outside of every namespace: one that it adds inside would be seen by nobody else.
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

// cookieFlow is a flow with the cookie of its set.
type cookieFlow struct {
	object.Flow
	cookie uint64
}

// compile lists the flows of the whole slice.
func (st *stage) compile(t *testing.T) (flows []cookieFlow) {
	t.Helper()
	for _, k := range st.keys() {
		u := compile.Compile(compile.Input{Slice: st.slice, Facts: st.facts}, k)
		if u.Pending != "" || u.Refused != "" {
			t.Fatalf("%v: pending %q, refused %q", k, u.Pending, u.Refused)
		}
		for _, o := range u.Objects {
			set, ok := o.(*object.FlowSet)
			if !ok {
				continue
			}
			for _, f := range set.Flows {
				flows = append(flows, cookieFlow{f, set.Cookie})
			}
		}
	}
	return flows
}

// install replaces the bridge's flows, the learned ones too.
func (st *stage) install(t *testing.T, flows []cookieFlow) {
	t.Helper()
	st.send(t, "replace-flows", flows)
}

func (st *stage) send(t *testing.T, command string, flows []cookieFlow) {
	t.Helper()
	var lines strings.Builder
	for _, f := range flows {
		lines.WriteString(flowLine(f.cookie, f.Flow))
	}
	file := filepath.Join(t.TempDir(), "flows")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	st.ofctl(t, command, file)
	// The datapath's cache follows by itself a little later; the test does not wait for it.
	if _, err := st.host.AppCtl(t.Context(), "revalidator/purge"); err != nil {
		t.Fatal(err)
	}
}

func (st *stage) ofctl(t *testing.T, command string, args ...string) string {
	t.Helper()
	out, err := st.host.OFCtl(t.Context(), "br-int", command, args...)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return out
}

func (st *stage) keys() []desired.Key {
	keys := []desired.Key{st.slice.Host.Key()}
	for _, n := range st.slice.Networks {
		keys = append(keys, n.Key())
	}
	for _, p := range st.slice.Ports {
		keys = append(keys, p.Key())
	}
	return keys
}
