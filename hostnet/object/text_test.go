package object_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weft/hostnet/object"
)

// TestMatchTextShowsEachField: two matches that differ in one field are written differently. An empty match is "any".
func TestMatchTextShowsEachField(t *testing.T) {
	t.Parallel()
	if got := (object.Match{}).String(); got != "any" {
		t.Errorf("a match of nothing is %q", got)
	}
	filled := func() reflect.Value {
		v := reflect.New(reflect.TypeFor[object.Match]()).Elem()
		fill(v, 1)
		return v
	}
	text := func(v reflect.Value) string { return v.Interface().(object.Match).String() }
	base := filled()
	for _, f := range fields("Match", base, func(v reflect.Value) reflect.Value { return v }) {
		other := filled()
		fill(f.at(other), 2)
		if text(other) == text(base) {
			t.Errorf("%s is not in %s", f.path, text(base))
		}
		alone := reflect.New(base.Type()).Elem()
		top := strings.Split(f.path, ".")[1]
		fill(alone.FieldByName(top), 2)
		if words := text(alone); words == "any" || strings.Contains(words, ",") {
			t.Errorf("%s alone is written %q", top, words)
		}
	}
}

func TestMatchText(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]object.Match{
		"metadata=0x7":                                      {Metadata: object.Exact64(7)},
		"reg4=0x1/0x3,reg6=0x9":                             {Reg4: object.Masked32{Value: 1, Mask: 3}, Reg6: object.Exact32(9)},
		"dl_src=02:00:00:00:00:01":                          {EthSrc: object.ExactMAC(object.MAC{2, 0, 0, 0, 0, 1})},
		"dl_dst=01:00:00:00:00:00/01:00:00:00:00:00":        {EthDst: object.GroupMAC()},
		"vlan_tci=0x0/0x1fff":                               {VLAN: object.VLANUntagged()},
		"vlan_tci=0x1065/0x1fff":                            {VLAN: object.VLANID(101)},
		"vlan_tci=0x1000/0x1000":                            {VLAN: object.VLANTagged()},
		"dl_type=0x0800,nw_src=10.0.0.0/24,nw_dst=10.0.0.1": {EthType: 0x800, IPSrc: netip.MustParsePrefix("10.0.0.0/24"), IPDst: netip.MustParsePrefix("10.0.0.1/32")},
		"nw_frag=later":                                     {Frag: object.FragLater},
		"icmp_type=0,icmp_code=0":                           {ICMPType: object.Some8(0), ICMPCode: object.Some8(0)},
		"nw_proto=0":                                        {Zero: object.ZeroIPProto},
		"udp_dst=0":                                         {Zero: object.ZeroUDPDst},
		"nd_tll=00:00:00:00:00:00":                          {Zero: object.ZeroNDTLL},
		"nd_sll=00:00:00:00:00:00":                          {Zero: object.ZeroNDSLL},
		"tun_id=0x5":                                        {Alien: "tun_id=0x5"},
	} {
		if got := m.String(); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}

// TestActionTextShowsEachField: the text of an action shows what it does and with which values.
func TestActionTextShowsEachField(t *testing.T) {
	t.Parallel()
	seen := map[string]reflect.Type{}
	for _, like := range []object.Action{
		object.Output{}, object.Goto{}, object.Resubmit{}, object.LookupTarget{}, object.SetMetadata{}, object.SetReg{}, object.LoadLive{},
		object.SetEthSrc{}, object.SetEthDst{}, object.SetARPSHA{}, object.SetARPSPA{}, object.SetNDSLL{}, object.SetIPv6Src{}, object.SetIPv6Dst{}, object.SetIPSrc{}, object.SetIPDst{}, object.SetUDPSrc{}, object.PushVLAN{}, object.PopVLAN{},
		object.LearnLinkLocal{}, object.LearnRejected{}, object.LearnMAC{}, object.CheckLarger{}, object.ApplyMeter{}, object.AlienActions{},
	} {
		filled := func() reflect.Value {
			v := reflect.New(reflect.TypeOf(like)).Elem()
			fill(v, 1)
			return v
		}
		text := func(v reflect.Value) string { return v.Interface().(object.Action).String() }
		base := filled()
		if other, taken := seen[text(base)]; taken {
			t.Errorf("%s and %s are written alike: %s", other, base.Type(), text(base))
		}
		seen[text(base)] = base.Type()
		for i := range base.NumField() {
			other := filled()
			fill(other.Field(i), 2)
			if text(other) == text(base) {
				t.Errorf("%s.%s is not in %q", base.Type(), base.Type().Field(i).Name, text(base))
			}
		}
	}
	if got := (object.LoadLive{Reg: 7, Ports: [3]uint32{4, 0, 5}}).String(); got != "reg7:=live(4,5)" {
		t.Errorf("ports that are none are written: %s", got)
	}
}

// TestLinkLocal: RFC 4291 appendix A, and the two constant addresses.
func TestLinkLocal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mac  object.MAC
		want netip.Addr
	}{
		{object.MAC{0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde}, netip.MustParseAddr("fe80::3656:78ff:fe9a:bcde")},
		{object.ServerMAC, object.ServerLinkLocal},
		{object.GatewayMAC, object.GatewayLinkLocal},
	} {
		if got := c.mac.LinkLocal(); got != c.want {
			t.Errorf("%s has %s, expected %s", c.mac, got, c.want)
		}
		if c.mac[0]&1 != 0 {
			t.Errorf("%s is a group address", c.mac)
		}
	}
	for mac, derived := range map[object.MAC]bool{{0xfa, 0x16, 0x3e, 0xff, 0xff, 0xff}: true, {0xfa, 0x16, 0x3e}: true, {0xfa, 0x16, 0x3f}: false} {
		if object.DefaultMACPrefix.DerivedLinkLocal().Contains(mac.LinkLocal()) != derived {
			t.Errorf("%s: its address %s is among the derived ones: %v", mac, mac.LinkLocal(), !derived)
		}
	}
}

// TestRouteNames: the driver can read from a key which route it is.
func TestRouteNames(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		table := rapid.Uint32().Draw(t, "table")
		bytes := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"))
		address := netip.AddrFrom16(bytes).Unmap()
		if rapid.Bool().Draw(t, "IPv4") {
			address = netip.AddrFrom4([4]byte(bytes[:4]))
		}
		want := netip.PrefixFrom(address, rapid.IntRange(0, address.BitLen()).Draw(t, "bits")).Masked()
		rest, ours := strings.CutPrefix(object.RouteName("ns", table, want), "ns/")
		got, destination, err := object.ParseRouteName(rest)
		if !ours || err != nil || got != table || destination != want {
			t.Errorf("%q is read as table %d, %s: %v", rest, got, destination, err)
		}
	})
	for _, bad := range []string{"", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/24 table", "10.0.0.0/24 table x", "10.0.0.0/24 table 4294967296", "10.0.0.0/24 table -1"} {
		if table, destination, err := object.ParseRouteName(bad); err == nil {
			t.Errorf("%q is table %d, %s", bad, table, destination)
		}
	}
}

// TestDifferenceText: the text shows the present and the desired value.
func TestDifferenceText(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]object.Difference{
		"mtu: 1400 → 1500":          {Field: "mtu", Observed: "1400", Desired: "1500"},
		"flow: (none) → table=1":    {Field: "flow", Desired: "table=1"},
		"controller: ptcp → (none)": {Field: "controller", Observed: "ptcp"},
	} {
		if got := d.String(); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}
