package openflow

import (
	"bytes"
	"strings"
	"testing"

	"weft/hostnet/object"
)

// TestMessageBytes: the messages beside flow modifications, as ovs-ofctl and the specification have them.
func TestMessageBytes(t *testing.T) {
	t.Parallel()
	prefix := []byte{9}
	for want, got := range map[string][]byte{
		"05000010000000070001000800000020": AppendHello(prefix, 7),
		"0514000800000102":                 AppendBarrier(prefix, 0x102),
		"05210010000000070000000000000003": AppendBundleControl(prefix, 7, BundleOpen),
		"05210010000000070000000000040003": AppendBundleControl(prefix, 7, BundleCommit),
		"05210010000000070000000000060003": AppendBundleControl(prefix, 7, BundleDiscard),
		"0503000b00000007616263":           AppendMessage(prefix, TypeEchoReply, 7, []byte("abc")),
		"0103000b00000007616263":           AppendMessage10(prefix, TypeEchoReply, 7, []byte("abc")),
		"0110000c00000007000d0000":         AppendPortsRequest(prefix, 7),
		"0109000c000000070003008001040028000000070000232000000013" + "0000000000000000" + "ffffffffffffffff" + "0000000000000000": AppendHearPorts(prefix, 7, 3),
	} {
		if !bytes.Equal(got, append([]byte{9}, unhex(t, want)...)) {
			t.Errorf("%x, want 09%s", got, want)
		}
	}
}

// TestFlowModBytes: what the commands have in common and what each of them leaves out.
func TestFlowModBytes(t *testing.T) {
	t.Parallel()
	flow := object.Flow{Table: 10, Priority: 0x102, Match: object.Match{InPort: 5}, Actions: []object.Action{object.Goto{Table: 20}}}
	wire := func(outer, inner, mask, command, priority, rest string) []byte {
		return unhex(t, "0522"+outer+"00000007"+"0000000000000003"+"050e"+inner+"00000007"+"5700000000000001"+mask+"0a"+command+"00000000"+priority+
			"ffffffff"+"ffffffff"+"ffffffff"+"00000000"+rest)
	}
	const match, none, next = "0001000c8000000400000005" + "00000000", "0001000400000000", "0001000814000000"
	for name, c := range map[string]struct {
		mod  FlowMod
		want []byte
	}{
		"add":           {FlowMod{Add, object.CookieOwner | 1, flow}, wire("0058", "0048", "0000000000000000", "00", "0102", match+next)},
		"delete":        {FlowMod{Delete, object.CookieOwner | 1, flow}, wire("0048", "0038", "ffffffffffffffff", "03", "8000", none)},
		"delete strict": {FlowMod{DeleteStrict, object.CookieOwner | 1, flow}, wire("0050", "0040", "ffffffffffffffff", "04", "0102", match)},
	} {
		got, err := AppendBundleAdd(nil, 7, c.mod)
		if err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%s: %v\n got %x\nwant %x", name, err, got, c.want)
		}
	}
}

func TestParseHeader(t *testing.T) {
	t.Parallel()
	h, err := ParseHeader([HeaderLen]byte{5, 20, 1, 8, 0, 0, 1, 2})
	if err != nil || h != (Header{Version: 5, Type: TypeBarrierRequest, Length: 264, XID: 258}) {
		t.Errorf("%+v, %v", h, err)
	}
	if _, err := ParseHeader([HeaderLen]byte{5, 0, 0, 8}); err != nil {
		t.Errorf("a message without body: %v", err)
	}
	if _, err := ParseHeader([HeaderLen]byte{5, 0, 0, 7}); err == nil || !strings.Contains(err.Error(), "7 bytes: expected 8 or more") {
		t.Errorf("a message shorter than its header: %v", err)
	}
}

// TestRefusalsInWords: the kinds that the specification names, others by number, and Open vSwitch's own.
func TestRefusalsInWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"00010002": "bad request, code 2", "00020003": "bad action, code 3", "00030004": "bad instruction, code 4", "00040009": "bad match, code 9",
		"00050001": "flow modification failed, code 1", "000d0001": "bad property, code 1", "00110002": "bundle failed, code 2", "00630001": "error type 99, code 1",
		"ffff0b6700002320": "error 2919 of vendor 0x2320", "ffff0b67": "error 0 of vendor 0x0",
	} {
		r, err := ParseRefusal(unhex(t, text))
		if err != nil || r.Error() != "the switch refuses it: "+want {
			t.Errorf("%s: %q, %v; want %q", text, r.Error(), err, want)
		}
	}
	if _, err := ParseRefusal([]byte{0, 1, 0}); err == nil {
		t.Error("a refusal that is cut short passes")
	}
}

func TestSwitchConfig(t *testing.T) {
	t.Parallel()
	if flags, err := ParseSwitchConfig([]byte{1, 3, 0, 128}); err != nil || flags != 0x103 {
		t.Errorf("flags %#x, %v", flags, err)
	}
}
