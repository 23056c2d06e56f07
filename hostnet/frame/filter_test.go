package frame

import (
	"bytes"
	"net/netip"
	"testing"

	"golang.org/x/net/bpf"

	"weft/hostnet/object"
)

// accepts runs the filter in the portable virtual machine, which knows no extensions: the tag's presence is given.
func accepts(t *testing.T, f Filter, tagged bool, frame []byte) bool {
	t.Helper()
	program := f.program()
	present := uint32(0)
	if tagged {
		present = 1
	}
	for i, ins := range program {
		if _, ok := ins.(bpf.LoadExtension); ok {
			program[i] = bpf.LoadConstant{Dst: bpf.RegA, Val: present}
		}
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	n, err := vm.Run(frame)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func TestFilter(t *testing.T) {
	t.Parallel()
	server, target := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fe80::57:45ff:fe46:5401")
	f := Filter{From: macA, Rules: []Rule{
		UDP4To(67), UDP6To(547), ICMPv6Type(135).NDTarget(target), ARPRequestFor(server), ARPRequestFor(netip.MustParseAddr("10.1.0.2")),
	}}
	if _, err := f.Assemble(); err != nil {
		t.Fatal(err)
	}
	between := Between{Src: macA, Dst: macB}
	a4, a6 := netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("fe80::1")
	discover := UDP(between, netip.AddrPortFrom(a4, 68), netip.AddrPortFrom(server, 67), make([]byte, 300))
	withOptions := bytes.Clone(discover)
	withOptions[14] = 0x46
	withOptions = append(withOptions[:34:34], append([]byte{148, 4, 0, 0}, withOptions[34:]...)...)
	first, later := bytes.Clone(discover), bytes.Clone(discover)
	first[20] = 0x20
	later[21] = 0x10
	solicit := func(about netip.Addr) []byte {
		body := append([]byte{135, 0, 0, 0, 0, 0, 0, 0}, about.AsSlice()...)
		return ICMPv6(between, a6, about, body)
	}
	arp := func(op uint16, about netip.Addr) []byte {
		return ARP{op, macA, object.MAC{}, a4, about}.Frame(between)
	}
	for name, c := range map[string]struct {
		frame  []byte
		tagged bool
		want   bool
	}{
		"DHCPv4":                     {discover, false, true},
		"DHCPv4 behind IP options":   {withOptions, false, true},
		"first fragment":             {first, false, true},
		"later fragment":             {later, false, false},
		"tagged":                     {discover, true, false},
		"from another MAC":           {append(append(bytes.Clone(discover[:6]), macB[:]...), discover[12:]...), false, false},
		"another UDP port":           {UDP(between, netip.AddrPortFrom(a4, 68), netip.AddrPortFrom(server, 53), nil), false, false},
		"DHCPv6":                     {UDP(between, netip.AddrPortFrom(a6, 546), netip.MustParseAddrPort("[ff02::1:2]:547"), nil), false, true},
		"IPv6 another port":          {UDP(between, netip.AddrPortFrom(a6, 546), netip.MustParseAddrPort("[ff02::1:2]:53"), nil), false, false},
		"ARP for the server":         {arp(ARPRequest, server), false, true},
		"ARP for the second server":  {arp(ARPRequest, netip.MustParseAddr("10.1.0.2")), false, true},
		"ARP for somebody else":      {arp(ARPRequest, a4), false, false},
		"ARP reply":                  {arp(ARPReply, server), false, false},
		"solicitation of the server": {solicit(target), false, true},
		"solicitation of another":    {solicit(a6), false, false},
		"too short":                  {discover[:13], false, false},
	} {
		if got := accepts(t, f, c.tagged, c.frame); got != c.want {
			t.Errorf("%s: accepted %v, want %v", name, got, c.want)
		}
	}
	if anybody := (Filter{Rules: f.Rules}); !accepts(t, anybody, false, discover) || accepts(t, anybody, true, discover) {
		t.Error("a filter without a source does not do what one with a source does")
	}
}

func TestFilterWithManyRules(t *testing.T) {
	t.Parallel()
	f := Filter{From: macA}
	for i := range 200 {
		f.Rules = append(f.Rules, ARPRequestFor(netip.AddrFrom4([4]byte{10, 0, byte(i), 2})))
	}
	last := ARP{ARPRequest, macA, object.MAC{}, netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("10.0.199.2")}
	if !accepts(t, f, false, last.Frame(Between{Src: macA, Dst: macB})) {
		t.Error("the last of many rules does not count")
	}
	if _, err := f.Assemble(); err != nil {
		t.Error(err)
	}
}
