package openflow

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// What ovs-ofctl 3.1 and ovs-vswitchd 3.1 sent about a port "t1" with number 1: an answer, a status, an order.
const (
	onePort = "0001" + "d6fb49d8da6e" + "74310000000000000000000000000000" + "00000024" + "00000000" + "00000040" + "00000000" + "00000000" + "00000000"
	portMod = "010f002000000009" + "0001" + "d6fb49d8da6e" + "00000000" + "0000007e" + "00000000" + "00000000"
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPortMessages(t *testing.T) {
	t.Parallel()
	want := Port{Number: 1, MAC: [6]byte{0xd6, 0xfb, 0x49, 0xd8, 0xda, 0x6e}, Name: "t1", Config: 0x24}
	ports, more, err := ParsePorts(unhex(t, "000d0001"+onePort+onePort))
	if err != nil || !more || len(ports) != 2 || ports[0] != want || ports[1] != want {
		t.Errorf("ports %+v, more %v, %v", ports, more, err)
	}
	reason, p, err := ParsePortStatus(unhex(t, "0100000000000000"+onePort))
	if err != nil || reason != PortDeleted || p != want {
		t.Errorf("status %v of %+v, %v", reason, p, err)
	}
	if got := want.Config.String(); got != "no-receive,no-forward" {
		t.Errorf("flags %q", got)
	}
	if got := (PortDown | 1<<6 | 1<<1).String(); got != "no-stp,no-packet-in" {
		t.Errorf("flags %q", got)
	}
	if got := AppendPortMod(nil, 9, want); !bytes.Equal(got, unhex(t, portMod)) {
		t.Errorf("order %x", got)
	}
}

func TestPortMessagesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "000d", "000e0000", "000d0000" + "00", "000d0000" + onePort + "0001"} {
		if _, _, err := ParsePorts(unhex(t, text)); err == nil {
			t.Errorf("ports %q pass", text)
		}
	}
	if _, _, err := ParsePortStatus(unhex(t, "01000000"+onePort)); err == nil {
		t.Error("a short status passes")
	}
	if _, err := ParseSwitchConfig(unhex(t, "000300")); err == nil {
		t.Error("a short configuration passes")
	}
}

func FuzzPorts(f *testing.F) {
	b, _ := hex.DecodeString("000d0000" + onePort)
	f.Add(b)
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _, _ = ParsePorts(b)
		_, _, _ = ParsePortStatus(b)
		_, _ = ParseSwitchConfig(b)
	})
}
