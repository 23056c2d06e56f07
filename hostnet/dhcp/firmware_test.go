package dhcp

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"weft/hostnet/packetsocket"
)

// raw4 is a DISCOVER as firmware sends it: fixed fields, cookie and the given options, nothing else.
func raw4(options string, change ...func(m []byte)) []byte {
	m := make([]byte, at4Options)
	m[0], m[1], m[2] = 1, 1, 6
	copy(m[at4Transaction:], []byte{1, 2, 3, 4})
	copy(m[at4Hardware:], clientMAC[:])
	copy(m[at4Cookie:], magicCookie)
	for _, f := range change {
		f(m)
	}
	return append(m, unhex(options)...)
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// heard is a frame from the guest with the payload.
func heard(src, dst string, payload []byte) []byte {
	return packetsocket.UDP(packetsocket.Between{Src: clientMAC, Dst: packetsocket.Broadcast()}, netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst), payload)
}

func TestFirmware4(t *testing.T) {
	t.Parallel()
	const discover, list = "350101", "370401030f06"
	field := func(at int, options string) func([]byte) { return func(m []byte) { copy(m[at:], unhex(options)) } }
	for name, c := range map[string]struct {
		payload []byte
		dns     bool // it was understood that the client asks for DNS
	}{
		"as it should be":                    {raw4(discover + list + "ff"), true},
		"no end":                             {raw4(discover + list), true},
		"no end, padding":                    {raw4(discover + list + strings.Repeat("00", 60)), true},
		"padding between":                    {raw4(discover + "0000" + list + "ff"), true},
		"an option without a value":          {raw4(discover + "0c00" + list + "ff"), true},
		"a list without a value":             {raw4(discover + "3700" + "ff"), true}, // as if there were no list
		"a list in two parts":                {raw4(discover + "37020103" + "370206 0f" + "ff"), true},
		"something behind the end":           {raw4(discover + list + "ff" + "3501ff"), true},
		"the last option cut short":          {raw4(discover + list + "3d07fa16"), true},
		"only a code at last":                {raw4(discover + list + "3d"), true},
		"options go on in file":              {raw4(discover+"340101"+"ff", field(at4File, list+"ff")), true},
		"options go on in file to its end":   {raw4(discover+"340101"+"ff", field(at4File, strings.Repeat("00", 122)+list)), true},
		"options go on in sname":             {raw4(discover+"340102"+"ff", field(at4ServerName, list+"ff")), true},
		"options go on in both":              {raw4(discover+"340103"+"ff", field(at4ServerName, list+"ff"), field(at4File, "ff")), true},
		"file is a name":                     {raw4(discover+"37020103"+"ff", field(at4File, list+"ff")), false},
		"garbage behind the MAC":             {raw4(discover+list+"ff", field(at4Hardware+6, "deadbeef")), true},
		"the whole field as MAC":             {raw4(discover+list+"ff", field(2, "10")), true},
		"hops and seconds":                   {raw4(discover+list+"ff", field(3, "01"), field(8, "ffff")), true},
		"a PXE client":                       {raw4(discover + "390205c0" + "5d020007" + "5e03010310" + "6111" + strings.Repeat("00", 17) + "3c09505845436c69656e74" + "3704 0103 06 43" + "ff"), true},
		"a maximum size of the wrong length": {raw4(discover + "390101" + list + "ff"), true},
	} {
		o := Answer(fullBinding(), heard("0.0.0.0:68", "255.255.255.255:67", c.payload))
		if len(o.Frames) != 1 {
			t.Errorf("%s: %d answers", name, len(o.Frames))
			continue
		}
		d, err := packetsocket.ParseUDP(o.Frames[0])
		if err != nil {
			t.Fatal(err)
		}
		m, err := dhcpv4.FromBytes(d.Payload)
		if err != nil || m.MessageType() != dhcpv4.MessageTypeOffer || len(m.DNS()) > 0 != c.dns {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	for name, payload := range map[string][]byte{
		"no cookie":            raw4(discover+list+"ff", field(at4Cookie, "00000000")),
		"shorter than fixed":   raw4("")[:at4Cookie],
		"no options":           raw4(""),
		"an answer":            raw4(discover+list+"ff", field(0, "02")),
		"another's MAC":        raw4(discover+list+"ff", field(at4Hardware, "02")),
		"type in unused field": raw4("ff", field(at4File, discover)),
	} {
		if o := Answer(fullBinding(), heard("0.0.0.0:68", "255.255.255.255:67", payload)); len(o.Frames) != 0 {
			t.Errorf("%s: answered", name)
		}
	}
}

func TestFirmware6(t *testing.T) {
	t.Parallel()
	const solicit, id, ia, list = "01010203", "0001000a 00030001fa163e000001", "0003000c 00000001 00000000 00000000", "00060002 0017"
	for name, c := range map[string]struct {
		payload string
		dns     bool
	}{
		"as it should be":            {solicit + id + ia + list, true},
		"an identifier of no type":   {solicit + "00010004 beef0001" + ia + list, true},
		"a UUID as identifier":       {solicit + "00010012 0004" + strings.Repeat("ab", 16) + ia + list, true},
		"no list":                    {solicit + id + ia, true},
		"an odd list":                {solicit + id + ia + "00060003 001700", true},
		"padding behind":             {solicit + id + ia + list + "000000", true},
		"the last option cut short":  {solicit + id + ia + list + "00080002 00", true},
		"options without a value":    {solicit + id + "000e0000" + ia + "00060000", false},
		"an unknown option":          {solicit + id + "fffe0003 010203" + ia + list, true},
		"boot options of a UEFI ROM": {solicit + id + ia + "003d0002 0007" + "003e0003 010310" + "00060006 003b 003c 0017" + "00080002 0000", true},
	} {
		o := Answer(fullBinding(), heard("[fe80::1]:546", "[ff02::1:2]:547", unhex(c.payload)))
		if len(o.Frames) != 1 {
			t.Errorf("%s: %d answers", name, len(o.Frames))
			continue
		}
		d, err := packetsocket.ParseUDP(o.Frames[0])
		if err != nil {
			t.Fatal(err)
		}
		m, err := dhcpv6.MessageFromBytes(d.Payload)
		if err != nil || len(m.Options.OneIANA().Options.Addresses()) != 2 || len(m.Options.DNS()) > 0 != c.dns {
			t.Errorf("%s: %v, %v", name, m, err)
		}
		if sent := unhex(c.payload); !bytes.Contains(d.Payload, sent[4:8+int(sent[7])]) {
			t.Errorf("%s: the identifier does not come back as it was", name)
		}
	}
	for name, payload := range map[string]string{
		"no identifier":       solicit + ia + list,
		"an empty identifier": solicit + "00010000" + ia + list,
		"a cut identifier":    solicit + ia + list + "0001000a 0003",
		"too long a one":      solicit + "00010083" + strings.Repeat("01", 131) + ia,
		"an IA cut short":     solicit + id + "00030004 00000001",
		"nothing":             "",
	} {
		if o := Answer(fullBinding(), heard("[fe80::1]:546", "[ff02::1:2]:547", unhex(payload))); len(o.Frames) != 0 {
			t.Errorf("%s: answered", name)
		}
	}
}
