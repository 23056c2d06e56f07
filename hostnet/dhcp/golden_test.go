package dhcp

import (
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

var update = flag.Bool("update", false, "write the golden files")

var clientMAC = object.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}

// fullBinding has everything a binding can have.
func fullBinding() *object.DHCPBinding {
	return &object.DHCPBinding{
		OwnerUID: "6f0c1b1e-0000-4000-8000-000000000001", Device: "tap1", MAC: clientMAC,
		Hostname: "web-1", Domain: "alpha.example", MTU: 1450, Lease: time.Hour,
		DNS: []netip.Addr{netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("2001:db8::53")},
		NTP: []netip.Addr{netip.MustParseAddr("192.0.2.123"), netip.MustParseAddr("2001:db8::123")},
		V4: []object.DHCPv4Lease{
			{
				Address: netip.MustParseAddr("10.0.0.5"), Prefix: netip.MustParsePrefix("10.0.0.0/24"),
				Server: netip.MustParseAddr("10.0.0.2"), Router: netip.MustParseAddr("10.0.0.1"),
				Routes: []object.DHCPRoute{
					{Destination: netip.MustParsePrefix("192.168.128.0/17"), NextHop: netip.MustParseAddr("10.0.0.9")},
					{Destination: netip.MustParsePrefix("198.51.100.7/32")},
				},
			},
			{
				Address: netip.MustParseAddr("10.1.0.5"), Prefix: netip.MustParsePrefix("10.1.0.0/20"),
				Server: netip.MustParseAddr("10.1.0.2"),
			},
		},
		V6: []netip.Addr{netip.MustParseAddr("2001:db8:1::5"), netip.MustParseAddr("2001:db8:2::5")},
	}
}

// checkGolden compares with testdata/<name>.golden, or writes it.
func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

// describe writes an outcome as text. It parses it with another implementation than the one that built it.
func describe(t *testing.T, o Outcome) string {
	t.Helper()
	var w strings.Builder
	for _, f := range o.Frames {
		verifyChecksums(t, f)
		p := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.Default)
		e := p.LinkLayer().(*layers.Ethernet)
		fmt.Fprintf(&w, "%s > %s", e.SrcMAC, e.DstMAC)
		if n := p.NetworkLayer(); n != nil {
			fmt.Fprintf(&w, ", %s > %s", n.NetworkFlow().Src(), n.NetworkFlow().Dst())
		}
		if u, ok := p.TransportLayer().(*layers.UDP); ok {
			fmt.Fprintf(&w, ", %d > %d\n%s", u.SrcPort, u.DstPort, describePayload(t, u))
		} else {
			fmt.Fprintf(&w, "\n  %x\n", f[14:])
		}
	}
	if o.Note != "" {
		fmt.Fprintf(&w, "note: %s\n", o.Note)
	}
	if w.Len() == 0 {
		return "silence\n"
	}
	return w.String()
}

func describePayload(t *testing.T, u *layers.UDP) string {
	t.Helper()
	var text string
	if u.DstPort == 68 {
		m, err := dhcpv4.FromBytes(u.Payload)
		if err != nil {
			t.Fatal(err)
		}
		text = m.Summary()
	} else {
		m, err := dhcpv6.MessageFromBytes(u.Payload)
		if err != nil {
			t.Fatal(err)
		}
		text = m.Summary()
	}
	return "  " + strings.ReplaceAll(strings.TrimSpace(strings.ReplaceAll(text, "\t", "  ")), "\n", "\n  ") + "\n"
}

// verifyChecksums computes the sums as receivers do.
func verifyChecksums(t *testing.T, f []byte) {
	t.Helper()
	sum := func(parts ...[]byte) uint16 {
		var s uint32
		for _, b := range parts {
			for i := 0; i < len(b); i += 2 {
				s += uint32(b[i]) << 8
				if i+1 < len(b) {
					s += uint32(b[i+1])
				}
			}
		}
		for s>>16 != 0 {
			s = s&0xffff + s>>16
		}
		return uint16(s)
	}
	switch packetsocket.EtherType(f) {
	case packetsocket.EtherTypeIPv4:
		n := len(f) - 34
		if sum(f[14:34]) != 0xffff || sum(f[26:34], []byte{0, 17, byte(n >> 8), byte(n)}, f[34:]) != 0xffff {
			t.Error("IPv4 or UDP checksum is wrong")
		}
	case packetsocket.EtherTypeIPv6:
		n := len(f) - 54
		if sum(f[22:54], []byte{0, f[20], byte(n >> 8), byte(n)}, f[54:]) != 0xffff {
			t.Error("the checksum over IPv6 is wrong")
		}
	}
}

func from4(m *dhcpv4.DHCPv4, src, dst string) []byte {
	return packetsocket.UDP(packetsocket.Between{Src: clientMAC, Dst: packetsocket.Broadcast()},
		netip.AddrPortFrom(netip.MustParseAddr(src), 68), netip.AddrPortFrom(netip.MustParseAddr(dst), 67), m.ToBytes())
}

func ip4(s string) net.IP { return net.ParseIP(s).To4() }
