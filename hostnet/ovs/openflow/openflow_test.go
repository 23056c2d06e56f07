package openflow

import (
	"net/netip"
	"testing"

	"weft/hostnet/object"
)

func TestRefuses(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]FlowMod{
		"alien match":      {Flow: object.Flow{Match: object.Match{Alien: "nw_tos=4"}}},
		"vlan priority":    {Flow: object.Flow{Match: object.Match{VLAN: object.VLANMatch{TCI: 0xe000, Mask: 0xe000}}}},
		"bits off mask":    {Flow: object.Flow{Match: object.Match{Reg5: object.Masked32{Value: 3, Mask: 1}}}},
		"no EtherType":     {Flow: object.Flow{Match: object.Match{IPProto: 17}}},
		"other family":     {Flow: object.Flow{Match: object.Match{EthType: etherIPv6, IPSrc: netip.MustParsePrefix("10.0.0.0/8")}}},
		"prefix of 0":      {Flow: object.Flow{Match: object.Match{EthType: etherIPv4, IPSrc: netip.MustParsePrefix("0.0.0.0/0")}}},
		"host bits":        {Flow: object.Flow{Match: object.Match{EthType: etherIPv4, IPSrc: netip.MustParsePrefix("10.0.0.1/8")}}},
		"port, no UDP":     {Flow: object.Flow{Match: object.Match{EthType: etherIPv4, UDPDst: 67}}},
		"ND under IPv4":    {Flow: object.Flow{Match: object.Match{EthType: etherIPv4, IPProto: 58, NDTLL: object.MAC{2}}}},
		"fragment":         {Flow: object.Flow{Match: object.Match{EthType: etherIPv4, Frag: 9}}},
		"zero and not":     {Flow: object.Flow{Match: object.Match{EthType: etherIPv6, IPProto: 17, UDPDst: 5, Zero: object.ZeroUDPDst}}},
		"alien actions":    {Flow: object.Flow{Actions: []object.Action{object.AlienActions{Text: "NORMAL"}}}},
		"goto in between":  {Flow: object.Flow{Actions: []object.Action{object.Goto{Table: 1}, object.PopVLAN{}}}},
		"no such register": {Flow: object.Flow{Actions: []object.Action{object.SetReg{Reg: 16}}}},
		"ports, no tuple":  {Flow: object.Flow{Match: object.Match{EthType: etherIPv4, ConnDst: object.Exact16(80)}}},
		"tuple, no IP":     {Flow: object.Flow{Match: object.Match{EthType: etherARP, Original: true, IPProto: 6}}},
		"tuple and ports":  {Flow: object.Flow{Match: object.Match{EthType: etherIPv4, Original: true, IPProto: 6, TCPDst: 80}}},
		"everybody's zone": {Flow: object.Flow{Actions: []object.Action{object.Commit{}}}},
		"track in zone 0":  {Flow: object.Flow{Actions: []object.Action{object.Track{Table: 5}}}},
		"no such bit":      {Flow: object.Flow{Actions: []object.Action{object.LoadBit{Bit: 32}}}},
		"VLAN id":          {Flow: object.Flow{Actions: []object.Action{object.PushVLAN{ID: 4096}}}},
		"no action at all": {Flow: object.Flow{Actions: []object.Action{nil}}},
		"command":          {Command: 9},
		"too long":         {Flow: object.Flow{Actions: make([]object.Action, 9000)}},
	} {
		if name == "too long" {
			for i := range m.Flow.Actions {
				m.Flow.Actions[i] = object.PopVLAN{}
			}
		}
		if b, err := AppendBundleAdd([]byte{1}, 1, m); err == nil || len(b) != 1 {
			t.Errorf("%s passes: %x", name, b)
		}
	}
}

func TestHelloSpeaks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version uint8
		body    []byte
		want    bool
	}{
		{5, nil, true}, {6, nil, true}, {4, nil, false},
		{6, []byte{0, 1, 0, 8, 0, 0, 0, 0x52}, false},
		{6, []byte{0, 1, 0, 8, 0, 0, 0, 0x32}, true},
		{5, []byte{0, 9, 0, 5, 1, 0, 0, 0, 0, 1, 0, 8, 0, 0, 0, 2}, false},
		{5, []byte{0, 1, 0, 0}, true},
	} {
		if got := HelloSpeaks(c.version, c.body); got != c.want {
			t.Errorf("version %d, %x: %v", c.version, c.body, got)
		}
	}
}

// FuzzParse: whatever a switch sends is read without a panic.
func FuzzParse(f *testing.F) {
	f.Add([]byte{5, 1, 0, 12, 0, 0, 0, 1, 0, 4, 0, 9})
	f.Add([]byte{5, 0, 0, 16, 0, 0, 0, 1, 0, 1, 0, 8, 0, 0, 0, 32})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < HeaderLen {
			return
		}
		h, err := ParseHeader([HeaderLen]byte(b))
		if err == nil && h.Length < HeaderLen {
			t.Fatalf("length %d passes", h.Length)
		}
		HelloSpeaks(h.Version, b[HeaderLen:])
		if r, err := ParseRefusal(b[HeaderLen:]); err == nil && r.Error() == "" {
			t.Fatal("a refusal without words")
		}
	})
}
