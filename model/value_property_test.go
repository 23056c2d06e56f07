package model

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawAddress draws an address of either family that is no IPv4-mapped one.
func drawAddress(t *rapid.T, label string) Address {
	b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, label)
	if rapid.Bool().Draw(t, label+" is IPv4") {
		return Address{netip.AddrFrom4([4]byte(b[:4]))}
	}
	return Address{netip.AddrFrom16([16]byte(b)).Unmap()}
}

// TestValuesHaveOneText: the text of a value is read as the same value, and each value has only one text.
func TestValuesHaveOneText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := drawAddress(t, "address")
		if got, err := ParseAddress(a.String()); err != nil || got != a {
			t.Fatalf("%s is read as %s, %v", a, got, err)
		}
		if got, err := ParseAddress(strings.ToUpper(a.StringExpanded())); err != nil || got != a || got.String() != a.String() {
			t.Fatalf("%s, written out, is read as %s, %v", a, got, err)
		}
		bits := rapid.IntRange(0, a.BitLen()).Draw(t, "bits")
		p := netip.PrefixFrom(a.Addr, bits)
		got, err := ParsePrefix(p.String())
		if p == p.Masked() && (err != nil || got.Prefix != p) {
			t.Fatalf("%s is read as %s, %v", p, got, err)
		}
		if p != p.Masked() && (err == nil || !strings.HasSuffix(err.Error(), "write "+p.Masked().String())) {
			t.Fatalf("%s is read as %s, %v", p, got, err)
		}
		m := MAC(rapid.SliceOfN(rapid.Byte(), 6, 6).Draw(t, "mac"))
		read, err := ParseMAC(fmt.Sprintf("%X-%X-%X-%02X-%02X-%02X", m[:1], m[1:2], m[2:3], m[3], m[4], m[5]))
		if refused := m[0]%2 == 1 || m == (MAC{}); refused != (err != nil) || !refused && read != m {
			t.Fatalf("%v is read as %v, %v", m[:], read, err)
		}
		r := PortRange{First: rapid.Uint16Min(1).Draw(t, "first")}
		r.Last = rapid.Uint16Min(r.First).Draw(t, "last")
		var back PortRange
		if err := back.UnmarshalText([]byte(r.String())); err != nil || back != r || strings.Contains(r.String(), "-") == (r.First == r.Last) {
			t.Fatalf("%s is read as %v, %v", r, back, err)
		}
	})
}

// TestWhatIsNoValue: text that another program would accept as a value, with another meaning.
func TestWhatIsNoValue(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"1-", "-1", "-", "1-2-3", "80-x", "x-80", " 80", "80 ", "0x50", "8e1", "65536", "1-65536", "0-5", "99999999999999999999", "８０"} {
		r := PortRange{7, 8}
		if err := r.UnmarshalText([]byte(text)); err == nil || r != (PortRange{7, 8}) {
			t.Errorf("port range %q is %v, %v", text, r, err)
		}
	}
	for _, text := range []string{"10.1", "0x7f.0.0.1", "2130706433", "10.0.0.256", "10.0.0.1 ", "1::2::3", "[::1]", "::ffff:10.0.0.256", "１0.0.0.1"} {
		if a, err := ParseAddress(text); err == nil {
			t.Errorf("address %q is %s", text, a)
		}
	}
	for _, text := range []string{"10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/-1", "10.0.0.0/255.0.0.0", "10/8", "fe80::%1/64", "2001:db8::/129", "/8"} {
		if p, err := ParsePrefix(text); err == nil {
			t.Errorf("prefix %q is %s", text, p)
		}
	}
	for _, text := range []string{"02:00:00:00:00", "2:0:0:0:0:1", "02-00:00-00:00-01", "02:00:00:00:00:0g", "0200.0000.0001 "} {
		if m, err := ParseMAC(text); err == nil {
			t.Errorf("MAC %q is %s", text, m)
		}
	}
}

// TestHostsOfABlock: in an IPv4 block all addresses except the first and the last can be those of a machine, in an IPv6 block all
// except the first.
func TestHostsOfABlock(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := drawAddress(t, "block")
		bits := rapid.IntRange(minBits, a.BitLen()-2).Draw(t, "bits")
		s := Subnet{CIDR: Prefix{netip.PrefixFrom(a.Addr, bits).Masked()}}
		first, last := s.CIDR.Addr(), s.last()
		if !s.CIDR.Contains(last) || last.Next().IsValid() && s.CIDR.Contains(last.Next()) {
			t.Fatalf("the last of %s is %s", s.CIDR, last)
		}
		for x, want := range map[netip.Addr]bool{
			first: false, first.Next(): true, last.Prev(): true, last: a.Is6(), first.Prev(): false, last.Next(): false, drawAddress(t, "other").Addr: false,
		} {
			if x.IsValid() && s.CIDR.Contains(x) && x != first && x != last {
				want = true
			}
			c := &Checker{}
			if got := s.host(c, "f", Address{x}); got != want || got != (len(c.errs) == 0) {
				t.Fatalf("%s of %s: %v, %v", x, s.CIDR, got, c.errs)
			}
		}
		if g := s.ReservedGateway(); g.Addr != first.Next() {
			t.Fatalf("kept free in %s is %s", s.CIDR, g)
		}
	})
}
