package packetsocket

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"weft/hostnet/object"
)

// accepts runs the program in the portable virtual machine. That machine knows no extensions, so the tag's presence and the
// device's index are given.
func accepts(t *testing.T, rules []Rule, shut []int, tagged bool, frame []byte) bool {
	t.Helper()
	const index = 7
	program := program(rules, shut)
	present := uint32(0)
	if tagged {
		present = 1
	}
	for i, ins := range program {
		switch ins {
		case bpf.LoadExtension{Num: bpf.ExtVLANTagPresent}:
			program[i] = bpf.LoadConstant{Dst: bpf.RegA, Val: present}
		case bpf.LoadExtension{Num: bpf.ExtInterfaceIndex}:
			program[i] = bpf.LoadConstant{Dst: bpf.RegA, Val: index}
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
	if own := (Filter{rules}).Passes(frame); len(shut) == 0 && !tagged && own != (n > 0) {
		t.Errorf("the kernel's program says %v, the second look %v: %x", n > 0, own, frame)
	}
	return n > 0
}

func TestFilter(t *testing.T) {
	t.Parallel()
	server, target := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fe80::57:45ff:fe46:5401")
	rules := []Rule{
		UDP4To(67), UDP6To(547), ICMPv6Type(135).NDTarget(target), ARPRequestFor(server), ARPRequestFor(netip.MustParseAddr("10.1.0.2")),
		AnyARP().From(macB),
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
		"anything from macB":         {ARP{ARPReply, macB, object.MAC{}, a4, a4}.Frame(Between{Src: macB, Dst: macA}), false, true},
	} {
		if got := accepts(t, rules, nil, c.tagged, c.frame); got != c.want {
			t.Errorf("%s: accepted %v, want %v", name, got, c.want)
		}
	}
	if !accepts(t, rules, []int{3, 8}, false, discover) || accepts(t, rules, []int{3, 7, 8}, false, discover) {
		t.Error("not exactly the devices that are shut out are")
	}
	if accepts(t, nil, nil, false, discover) {
		t.Error("no rules, but a frame passes")
	}
}

// TestFilterAtItsLargest: the largest number of rules and devices makes a program that the kernel accepts.
func TestFilterAtItsLargest(t *testing.T) {
	t.Parallel()
	var rules []Rule
	for i := range rulesMost {
		rules = append(rules, ARPRequestFor(netip.AddrFrom4([4]byte{10, 0, byte(i), 2})))
	}
	var shut []int
	for i := range shutMost {
		shut = append(shut, 100+i)
	}
	last := ARP{ARPRequest, macA, object.MAC{}, netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("10.0.63.2")}.Frame(Between{Src: macA, Dst: macB})
	if !accepts(t, rules, shut, false, last) || accepts(t, rules, append(shut[1:], 7), false, last) {
		t.Error("the last of many rules, or of many devices, does not count")
	}
	if raw, err := assemble(rules, shut); err != nil || len(raw) > 4096 {
		t.Errorf("%d instructions, %v", len(raw), err)
	}
}

// TestEachTestOfARule: a frame that fails a single test of a rule does not pass it.
func TestEachTestOfARule(t *testing.T) {
	t.Parallel()
	between := Between{Src: macA, Dst: macB}
	a4, a6, target := netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::57:45ff:fe46:5401")
	arp := ARP{ARPRequest, macA, object.MAC{}, a4, a4.Next()}.Frame(between)
	tcp4 := UDP(between, netip.AddrPortFrom(a4, 40000), netip.AddrPortFrom(a4, 80), make([]byte, 20))
	tcp4[23] = ProtocolTCP
	tcp6 := UDP(between, netip.AddrPortFrom(a6, 40000), netip.AddrPortFrom(target, 80), make([]byte, 20))
	tcp6[20] = ProtocolTCP
	rarp := bytes.Clone(arp)
	rarp[12], rarp[13] = 0x80, 0x35
	solicit := ICMPv6(between, a6, target, append([]byte{135, 0, 0, 0, 0, 0, 0, 0}, target.AsSlice()...))
	for name, c := range map[string]struct {
		rule   Rule
		frame  []byte
		decide []int // the bytes that must be as they are
	}{
		"UDP over IPv4": {UDP4To(67), UDP(between, netip.AddrPortFrom(a4, 68), netip.AddrPortFrom(a4, 67), nil), []int{12, 13, 20, 21, 23, 36, 37}},
		"UDP over IPv6": {UDP6To(547), UDP(between, netip.AddrPortFrom(a6, 546), netip.AddrPortFrom(a6, 547), nil), []int{12, 13, 20, 56, 57}},
		"TCP over IPv4": {TCP4To(a4, 80), tcp4, []int{12, 13, 20, 21, 23, 30, 31, 32, 33, 36, 37}},
		"TCP over IPv6": {TCP6To(target, 80), tcp6, append([]int{12, 13, 20, 56, 57}, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53)},
		"RARP":          {RARP(), rarp, []int{12, 13}},
		"ARP":           {AnyARP(), arp, []int{12, 13}},
		"ARP for one":   {ARPRequestFor(a4.Next()), arp, []int{12, 13, 20, 21, 38, 39, 40, 41}},
		"from one MAC":  {AnyARP().From(macA), arp, []int{6, 7, 8, 9, 10, 11, 12, 13}},
		"ICMPv6":        {ICMPv6Type(135), solicit, []int{12, 13, 20, 54}},
		"a target": {ICMPv6Type(135).NDTarget(target), solicit,
			[]int{12, 13, 20, 54, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77}},
	} {
		if !accepts(t, []Rule{c.rule}, nil, false, c.frame) {
			t.Errorf("%s: the frame does not pass", name)
		}
		for i := range c.frame {
			if i == 14 && strings.HasSuffix(name, "over IPv4") {
				continue // the length of the header says where the port is
			}
			f := bytes.Clone(c.frame)
			f[i] ^= 0x15
			if passes := accepts(t, []Rule{c.rule}, nil, false, f); passes == slices.Contains(c.decide, i) {
				t.Errorf("%s: with another byte %d it passes: %v", name, i, passes)
			}
		}
	}
	fragment := UDP(between, netip.AddrPortFrom(a4, 68), netip.AddrPortFrom(a4, 67), nil)
	part := bytes.Clone(tcp4)
	part[20] = 0x20
	if accepts(t, []Rule{TCP4To(a4, 80)}, nil, false, part) {
		t.Error("a first fragment with TCP passes")
	}
	for flags, want := range map[byte]bool{0x20: true, 0x40: true, 0x80: true, 0x01: false, 0x1f: false} {
		fragment[20] = flags
		if accepts(t, []Rule{UDP4To(67)}, nil, false, fragment) != want {
			t.Errorf("fragment bits %#x: passes %v", flags, !want)
		}
	}
	if _, err := assemble(make([]Rule, 1000), []int{1}); err != nil {
		t.Errorf("many rules cannot be assembled: %v", err)
	}
}
