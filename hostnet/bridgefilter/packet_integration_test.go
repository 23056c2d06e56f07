//go:build integration

package bridgefilter

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"weft/hostnet/netns"
	"weft/hostnet/object"
)

// run runs a command in a namespace.
func run(t *testing.T, space *netns.Space, args ...string) string {
	t.Helper()
	var out []byte
	err := space.Do(func() (err error) {
		out, err = exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
		return err
	})
	if err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
	return string(out)
}

// guest makes the guest 10.0.0.N behind the device tapN of the bridge wfb1.
func (b *testbed) guest(names *netns.Directory, n int) *netns.Space {
	b.t.Helper()
	device := fmt.Sprint("tap", n)
	space, err := names.Make(device, func() error { return nil })
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { space.Close() })
	err = b.space.Do(func() error {
		attributes := netlink.NewLinkAttrs()
		attributes.Name = device
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: "eth0", PeerNamespace: netlink.NsFd(space.FD())})
	})
	if err != nil {
		b.t.Fatal(err)
	}
	run(b.t, b.space, "ip", "link", "set", device, "master", "wfb1", "up")
	run(b.t, space, "ip", "addr", "add", fmt.Sprintf("10.0.0.%d/24", n), "dev", "eth0")
	run(b.t, space, "ip", "link", "set", "eth0", "up")
	return space
}

// begun counts the connections that a guest has begun, as the host's tracker knows them.
func (b *testbed) begun(n int) int {
	b.t.Helper()
	var text []byte
	err := b.space.Do(func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/nf_conntrack")
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	// The first packet's addresses are first on each line.
	count := 0
	for line := range strings.Lines(string(text)) {
		if first := strings.Index(line, "src="); first >= 0 && strings.HasPrefix(line[first:], fmt.Sprintf("src=10.0.0.%d ", n)) && strings.Contains(line, " udp ") {
			count++
		}
	}
	return count
}

// send sends a datagram from a guest to each of so many ports of the last guest.
func send(t *testing.T, space *netns.Space, ports int) {
	t.Helper()
	var c net.PacketConn
	err := space.Do(func() (err error) {
		c, err = net.ListenPacket("udp4", ":0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for port := range ports {
		if _, err := c.WriteTo([]byte{1}, &net.UDPAddr{IP: net.IPv4(10, 0, 0, 9), Port: 2000 + port}); err != nil {
			t.Fatal(err)
		}
	}
}

// aFloodIsBounded: a guest that begins connections without end has as many as it may have. What is too much is counted, and no other guest is the worse
// for it. The test's bound is one connection in each of the 64 elements.
func aFloodIsBounded(t *testing.T) {
	b := newTestbed(t)
	b.d.text = newRuleText(strings.ReplaceAll(ruleset(), "over 512", "over 1"))
	names, err := netns.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = names.Dismantle(""); names.Close() })
	run(t, b.space, "ip", "link", "add", "wfb1", "type", "bridge", "forward_delay", "0")
	run(t, b.space, "ip", "link", "set", "wfb1", "up")
	last, flooding, other := b.guest(names, 9), b.guest(names, 1), b.guest(names, 2)
	for _, g := range []*netns.Space{flooding, other} {
		run(t, g, "ping", "-q", "-c", "1", "-w", "10", "10.0.0.9") // now each knows the other's MAC
	}
	run(t, last, "nft", "add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c meta l4proto udp drop") // so that no error ends a connection
	b.must(create(&object.BridgeFilter{}), create(&object.FilterNetwork{Bridge: "wfb1", Zone: 7}),
		create(groupOfRules(1, object.FilterRule{}, object.FilterRule{Ingress: true})),
		create(&object.FilterPort{Device: "tap1", Groups: []uint32{1}}), create(&object.FilterPort{Device: "tap2", Groups: []uint32{1}}))
	send(t, flooding, 300)
	send(t, other, 3)
	if n := b.begun(1); n < 30 || n > 64 {
		t.Errorf("the guest has %d connections, expected about 64", n)
	}
	if n := b.begun(2); n != 3 {
		t.Errorf("the other guest has %d connections of 3", n)
	}
	if err := b.d.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	counts := b.d.Rejected(&object.FilterPort{Device: "tap1"})
	if len(counts) != 1 || counts[0].Reason != object.RejectConnections || counts[0].Frames < 200 || counts[0].Frames > 270 {
		t.Errorf("what was too much is counted as %+v", counts)
	}
	if counts := b.d.Rejected(&object.FilterPort{Device: "tap2"}); len(counts) != 0 {
		t.Errorf("of the other guest was rejected: %+v", counts)
	}
}
