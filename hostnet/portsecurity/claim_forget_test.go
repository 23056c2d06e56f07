package portsecurity

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// TestGuestThatIsGone: a guest's notes are removed with the element that makes its device a guest's, and with no other element.
func TestGuestThatIsGone(t *testing.T) {
	t.Parallel()
	mac, address := object.MAC{2, 0, 0, 0, 0, 1}, netip.MustParseAddr("10.0.0.5")
	guest, local := guestElement("tap1"), object.PortSecurityElement{Set: object.PortSecurityLocal, Interface: "wfb1", MAC: mac}
	for name, c := range map[string]struct {
		x              delta
		device, bridge string
	}{
		"a guest goes":         {delta{del: []object.PortSecurityElement{local, guest}}, "tap1", "wfb1"},
		"without its bridge":   {delta{del: []object.PortSecurityElement{guest}}, "tap1", ""},
		"an address goes":      {delta{del: []object.PortSecurityElement{{Set: object.PortSecurityIPv4, Interface: "tap1", Address: address}}}, "", ""},
		"another MAC":          {delta{del: []object.PortSecurityElement{{Set: object.PortSecurityMACs, Interface: "tap1", MAC: mac}}, add: []object.PortSecurityElement{guest}}, "", ""},
		"a guest comes":        {delta{add: []object.PortSecurityElement{guest, local}}, "", ""},
		"the MAC on a bridge":  {delta{del: []object.PortSecurityElement{local}}, "", "wfb1"},
		"a bridge goes itself": {delta{del: []object.PortSecurityElement{{Set: object.PortSecurityBridges, Interface: "wfb1"}}}, "", ""},
	} {
		if device, bridge := c.x.guestGone(); device != c.device || bridge != c.bridge {
			t.Errorf("%s: gone is %q of %q, expected %q of %q", name, device, bridge, c.device, c.bridge)
		}
	}
}

// TestWhatAClaimTook: the address that a guest claimed is free again on its bridge. Other addresses are not.
func TestWhatAClaimTook(t *testing.T) {
	t.Parallel()
	claim := func(device, address string) nftables.SetElement {
		e, err := encode("", object.PortSecurityElement{Set: object.PortSecurityIPv6, Interface: device, Address: netip.MustParseAddr(address)})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	broken := claim("tap2", "fe80::7")
	broken.Key = broken.Key[:20]
	taken := takenBy([]nftables.SetElement{claim("tap1", "fe80::5"), broken, claim("tap2", "fe80::6"), claim("tap3", "fe80::8")},
		map[string]string{"tap1": "wfb1", "tap2": "wfb2", "tap3": ""}) // the bridge of the last is unknown
	var got []string
	for _, e := range taken {
		m, err := decode(object.PortSecurityIPv6, e)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Interface+" "+m.Address.String())
	}
	if !slices.Equal(got, []string{"wfb1 fe80::5", "wfb2 fe80::6"}) {
		t.Errorf("free again are %v", got)
	}
}

// TestDeviceOfAKey: the name of a device ends at its first NUL or at the end of its field. The rest of the key is not part of it.
func TestDeviceOfAKey(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"tap1\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00": "tap1", "tap1": "tap1", "": "", "\x00tap1": "",
		"a-name-of-15-by\x00\xfe\x80": "a-name-of-15-by", "sixteen-bytes-xxmore": "sixteen-bytes-xx",
	} {
		if got := deviceOfKey([]byte(key)); got != want {
			t.Errorf("%q is of %q, expected %q", key, got, want)
		}
	}
}

// TestCountingIsOneTransaction: an element is removed and added again with its counter in one transaction, and keeps its comment.
// Between two transactions its guest would be mute.
func TestCountingIsOneTransaction(t *testing.T) {
	t.Parallel()
	e := ownElement(t, "tap1", -1)
	messages, err := countMessages([]nftables.SetElement{e})
	if err != nil || len(messages) != 4 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	kinds := []netlink.HeaderType{unix.NFNL_MSG_BATCH_BEGIN, unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_DELSETELEM,
		unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWSETELEM, unix.NFNL_MSG_BATCH_END}
	for i, m := range messages {
		acknowledged := m.Header.Flags&netlink.Acknowledge != 0
		if m.Header.Type != kinds[i] || acknowledged != (i == 1 || i == 2) || m.Header.Flags&netlink.Request == 0 {
			t.Errorf("message %d is of type %#x with flags %v", i, m.Header.Type, m.Header.Flags)
		}
	}
	for i, withMore := range map[int]bool{1: false, 2: true} {
		ad, err := netlink.NewAttributeDecoder(messages[i].Data[4:])
		if err != nil {
			t.Fatal(err)
		}
		var table, set string
		var key []byte
		more := 0
		for ad.Next() {
			switch ad.Type() {
			case unix.NFTA_SET_ELEM_LIST_TABLE:
				table = ad.String()
			case unix.NFTA_SET_ELEM_LIST_SET:
				set = ad.String()
			case unix.NFTA_SET_ELEM_LIST_ELEMENTS:
				ad.Nested(func(list *netlink.AttributeDecoder) error {
					for list.Next() {
						list.Nested(func(ad *netlink.AttributeDecoder) error {
							for ad.Next() {
								switch ad.Type() {
								case unix.NFTA_SET_ELEM_KEY:
									ad.Nested(func(data *netlink.AttributeDecoder) error {
										for data.Next() {
											key = data.Bytes()
										}
										return nil
									})
								case unix.NFTA_SET_ELEM_EXPR, unix.NFTA_SET_ELEM_USERDATA:
									more++
								}
							}
							return nil
						})
					}
					return nil
				})
			}
		}
		if ad.Err() != nil || table != tableName || set != string(object.PortSecurityMACs) || !slices.Equal(key, e.Key) || more == 2 != withMore {
			t.Errorf("message %d is about %q of %s %s, with %d things more, %v", i, key, table, set, more, ad.Err())
		}
	}
	if err := countOwn(nil); err != nil {
		t.Errorf("nothing to count is %v", err)
	}
}
