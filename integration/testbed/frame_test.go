package testbed_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"weft/integration/testbed"
)

func TestParseFrame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"a tagged ARP request",
			"eth src=fa:16:3e:00:00:01 dst=ff:ff:ff:ff:ff:ff / vlan id=102 / arp op=1 sha=fa:16:3e:00:00:01 spa=10.0.0.1 tpa=10.0.0.2",
			"fffffffffffffa163e000001" + "81000066" + "0806" + "0001080006040001" + "fa163e0000010a000001" + "0000000000000a000002"},
		{"a frame of a type without layers",
			"eth src=fa:16:3e:00:00:01 dst=fa:16:3e:00:00:02 type=0x88b5 / data hex=c0ffee",
			"fa163e000002fa163e00000188b5c0ffee"},
		{"UDP with its checksum",
			"eth src=fa:16:3e:00:00:01 dst=fa:16:3e:00:00:02 / ip src=10.0.0.1 dst=10.0.0.2 / udp src=67 dst=68 / data hex=00",
			"fa163e000002fa163e0000010800" + "4500001d00000000401166ce0a0000010a000002" + "004300440009eb5200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := testbed.ParseFrame(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if s := strings.TrimRight(hex.EncodeToString(got), "0"); s != strings.TrimRight(c.want, "0") {
				t.Errorf("got  %s\nwant %s", s, c.want)
			}
		})
	}
	for _, text := range []string{"", "eth src", "eth src=x", "what", "udp src=1", "eth src=fa:16:3e:00:00:01 / arp spa=x tpa=y",
		"eth src=fa:16:3e:00:00:01 destination=fa:16:3e:00:00:02 / data hex=00"} {
		if _, err := testbed.ParseFrame(text); err == nil {
			t.Errorf("%q was taken for a frame", text)
		}
	}
}
