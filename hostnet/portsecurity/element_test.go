package portsecurity

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/nftables"
	"pgregory.net/rapid"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

// drawElement draws an element of any set, with the fields of its key.
func drawElement(t *rapid.T) object.PortSecurityElement {
	m := object.PortSecurityElement{
		Set:       rapid.SampledFrom(object.PortSecuritySets()).Draw(t, "set"),
		Interface: rapid.StringMatching(`[a-z][a-z0-9-]{0,14}`).Draw(t, "interface"),
	}
	if m.Set == object.PortSecurityBroadcast {
		m.Rate, m.Burst = rapid.Uint32Min(1).Draw(t, "rate"), rapid.Uint32Min(1).Draw(t, "burst")
	}
	bytes := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes")
	switch keyOf(m.Set) {
	case macBlock4:
		m.MAC = object.MAC(bytes[:6])
		m.Block = netip.PrefixFrom(netip.AddrFrom4([4]byte(bytes[:4])), rapid.IntRange(1, 32).Draw(t, "bits")).Masked()
	case macBlock6:
		m.MAC = object.MAC(bytes[:6])
		m.Block = netip.PrefixFrom(netip.AddrFrom16([16]byte(append([]byte{0x20}, bytes[1:]...))), rapid.IntRange(1, 128).Draw(t, "bits")).Masked()
	case block4:
		m.Interface, m.Block = "", netip.PrefixFrom(netip.AddrFrom4([4]byte(bytes[:4])), rapid.IntRange(1, 32).Draw(t, "bits")).Masked()
	case block6:
		m.Interface = ""
		m.Block = netip.PrefixFrom(netip.AddrFrom16([16]byte(append([]byte{0x20}, bytes[1:]...))), rapid.IntRange(1, 128).Draw(t, "bits")).Masked()
	case mac, macData:
		m.MAC = object.MAC(bytes[:6])
	case ipv4:
		m.Address = netip.AddrFrom4([4]byte(bytes[:4]))
	case ipv6:
		bytes[0] = 0x20
		m.Address = netip.AddrFrom16([16]byte(bytes))
	}
	return m
}

func TestElementRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := drawElement(t)
		e, err := encode("tap1", m)
		if err != nil {
			t.Fatal(err)
		}
		if limit, err := encodeLimit("tap1", m); m.Set == object.PortSecurityBroadcast && (err != nil || limit.Rate != m.Rate || limit.Burst != m.Burst) {
			t.Errorf("%v has the limit %+v, error %v", m, limit, err)
		}
		m.Rate, m.Burst = 0, 0 // they are read with the limit
		if got, err := decode(m.Set, e); err != nil || got != m || e.Comment != "tap1" {
			t.Errorf("%v became %v with comment %q, error %v", m, got, e.Comment, err)
		}
	})
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	for _, m := range []object.PortSecurityElement{
		{Set: object.PortSecurityGuests},
		{Set: object.PortSecurityGuests, Interface: "sixteen-bytes-xx"},
		{Set: object.PortSecurityGuests, Interface: "tap1", Rate: 10, Burst: 20},
		{Set: object.PortSecurityBroadcast, Interface: "tap1"},
		{Set: object.PortSecurityBroadcast, Interface: "tap1", Rate: 10},
		{Set: object.PortSecurityBroadcast, Interface: "tap1", Burst: 10},
		{Set: object.PortSecurityIPv4, Interface: "tap1"},
		{Set: object.PortSecurityIPv4, Interface: "tap1", Address: netip.MustParseAddr("2001:db8::1")},
		{Set: object.PortSecurityIPv6, Interface: "tap1", Address: netip.MustParseAddr("10.0.0.1")},
		{Set: object.PortSecurityPairs4, Interface: "tap1"},
		{Set: object.PortSecurityPairs4, Interface: "tap1", Block: netip.MustParsePrefix("2001:db8::/64")},
		{Set: object.PortSecurityPairs6, Interface: "tap1", Block: netip.MustParsePrefix("10.0.0.0/24")},
		{Set: object.PortSecurityManagement4},
		{Set: object.PortSecurityManagement4, Interface: "tap1", Block: netip.MustParsePrefix("10.0.0.0/24")},
		{Set: object.PortSecurityManagement4, Block: netip.MustParsePrefix("2001:db8::/64")},
		{Set: object.PortSecurityManagement6, Block: netip.MustParsePrefix("10.0.0.0/24")},
	} {
		if e, err := encode("tap1", m); err == nil {
			t.Errorf("%v became % x", m, e.Key)
		}
	}
}

// TestDecodeRefuses: a key that differs from the set's form is refused.
func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set   object.PortSecuritySet
		key   int
		value int
	}{
		"shorter than a name":  {object.PortSecurityGuests, nameSize - 1, 0},
		"longer than a name":   {object.PortSecurityGuests, nameSize + 4, 0},
		"without a MAC":        {object.PortSecurityMACs, nameSize, 0},
		"a MAC cut off":        {object.PortSecurityMACs, nameSize + macSize, 0},
		"without an address":   {object.PortSecurityIPv4, nameSize, 0},
		"of the other family":  {object.PortSecurityIPv4, nameSize + 16, 0},
		"of the one family":    {object.PortSecurityIPv6, nameSize + 4, 0},
		"a map without a MAC":  {object.PortSecurityRouters, nameSize, macSize - 1},
		"a block of names":     {object.PortSecurityManagement4, nameSize, 0},
		"a block cut off":      {object.PortSecurityManagement6, protocolField + 4, 0},
		"a map's key too long": {object.PortSecurityRouters, nameSize + 4, macSize},
	} {
		e := nftables.SetElement{Key: append([]byte("tap1"), make([]byte, c.key-4)...), Val: make([]byte, c.value)}
		if m, err := decode(c.set, e); err == nil {
			t.Errorf("%s: %v", name, m)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(0, make([]byte, 32), make([]byte, 6))
	f.Fuzz(func(t *testing.T, set int, key, value []byte) {
		sets := object.PortSecuritySets()
		name := sets[uint(set)%uint(len(sets))]
		if m, err := decode(name, nftables.SetElement{Key: key, Val: value}); err == nil && m.Set != name {
			t.Errorf("%v is of another set than %s", m, name)
		}
	})
}

// TestRuleText: every rule of every chain has its own comment, and nothing else was changed.
func TestRuleText(t *testing.T) {
	t.Parallel()
	text := newRuleText()
	seen := map[string]bool{}
	for chain, comments := range text.chains {
		if len(comments) == 0 {
			t.Errorf("chain %s has no rule", chain)
		}
		for _, c := range comments {
			if seen[c] || strings.Count(text.text, `"`+c+`"`) != 1 {
				t.Errorf("comment %q is not there once", c)
			}
			seen[c] = true
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d rules were found", len(seen))
	}
	for _, set := range object.PortSecuritySets() {
		if !strings.Contains(ruleset(), " bridge weft "+string(set)+" {") {
			t.Errorf("set %s is not declared", set)
		}
	}
}

func TestUplinkChainNamesItsDevice(t *testing.T) {
	t.Parallel()
	for _, device := range []string{"eth0", "bond0.7", "a b/c\"{", "fifteen-bytes-x"} {
		if got, ours := deviceOf(chainOf(device)); !ours || got != device {
			t.Errorf("%q became %q, ours %v", device, got, ours)
		}
	}
	for _, chain := range []string{"uplink-", "uplink-zz", "input"} {
		if device, ours := deviceOf(chain); ours {
			t.Errorf("chain %q is taken for %q's", chain, device)
		}
	}
}

// TestJudge: rules that are missing, of another version, in another order or replaced are noticed.
func TestJudge(t *testing.T) {
	t.Parallel()
	right := func(d *Driver) []own.Rule {
		var found []own.Rule
		for chain, comments := range d.text.chains {
			for _, c := range comments {
				found = append(found, own.Rule{Chain: chain, Comment: c, Handle: uint64(len(found) + 1)})
			}
		}
		return found
	}
	for name, change := range map[string]func([]own.Rule) []own.Rule{
		"missing":        func(r []own.Rule) []own.Rule { return r[1:] },
		"without ours":   func(r []own.Rule) []own.Rule { r[0].Comment = ""; return r },
		"one more":       func(r []own.Rule) []own.Rule { return append(r, own.Rule{Chain: r[0].Chain, Handle: 9999}) },
		"another's":      func(r []own.Rule) []own.Rule { r[0].Handle = 9999; return r },
		"a chain more":   func(r []own.Rule) []own.Rule { return append(r, own.Rule{Chain: "own", Handle: 9999}) },
		"nothing at all": func([]own.Rule) []own.Rule { return nil },
	} {
		d := &Driver{text: newRuleText()}
		found := right(d)
		if why := d.judge(found); why != "" {
			t.Fatalf("what is right is judged wrong: %s", why)
		}
		if d.judge(change(found)) == "" {
			t.Errorf("%s is judged right", name)
		}
	}
}
