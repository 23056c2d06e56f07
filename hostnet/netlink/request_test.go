package netlink

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRequestIsReadBack: a request is one message with its header, its fixed part and all its attributes.
func TestRequestIsReadBack(t *testing.T) {
	t.Parallel()
	fixed := LinkInfo(unix.AF_UNSPEC, 7, unix.IFF_UP, unix.IFF_UP)
	r := NewRequest(unix.RTM_NEWLINK, FlagsMake, fixed).Text(unix.IFLA_IFNAME, "tap1").Uint32(unix.IFLA_MTU, 1400)
	r.Nest(unix.IFLA_LINKINFO, []byte{1, 2, 3, 4}, func() { r.Attr(unix.IFLA_ADDRESS, guestMAC[:]...) })
	m := r.Message()
	if m.Header.Type != unix.RTM_NEWLINK || m.Header.Flags != FlagsMake || m.Header.Seq != 0 || int(m.Header.Len) != HeaderSize+len(m.Data) {
		t.Errorf("the header is %+v, with %d bytes after it", m.Header, len(m.Data))
	}
	if !bytes.Equal(m.Data, r.Body()) || !bytes.Equal(m.Data[:LinkHeader], fixed) || Index(m.Data) != 7 {
		t.Errorf("the body is %v", m.Data)
	}
	var kinds []uint16
	err := EachAttribute(m.Data, LinkHeader, func(kind uint16, v []byte) {
		kinds = append(kinds, kind)
		ok := true
		switch kind {
		case unix.IFLA_IFNAME:
			ok = Text(v) == "tap1" && len(v) == 5
		case unix.IFLA_MTU:
			ok = Number(v) == 1400
		case unix.IFLA_LINKINFO:
			inner := EachAttribute(v, 4, func(kind uint16, v []byte) { ok = kind == unix.IFLA_ADDRESS && bytes.Equal(v, guestMAC[:]) })
			ok = ok && inner == nil && bytes.Equal(v[:4], []byte{1, 2, 3, 4})
		}
		if !ok {
			t.Errorf("attribute %d is read as %v", kind, v)
		}
	})
	if err != nil || !slices.Equal(kinds, []uint16{unix.IFLA_IFNAME, unix.IFLA_MTU, unix.IFLA_LINKINFO}) {
		t.Errorf("the attributes are %v, %v", kinds, err)
	}
	if r.number(9); r.Message().Header.Seq != 9 {
		t.Errorf("after it was sent as number 9 it is %d", r.Message().Header.Seq)
	}
}

// TestAttributesThatCannotBe: an attribute that is longer than the rest or shorter than its own header is an error.
func TestAttributesThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, b := range [][]byte{{3, 0, 1, 0}, {9, 0, 1, 0, 1}, {0, 0, 0, 0}} {
		if err := EachAttribute(b, 0, func(uint16, []byte) {}); !errors.Is(err, ErrShort) {
			t.Errorf("%v is read: %v", b, err)
		}
	}
	if err := EachAttribute([]byte{2, 0}, 4, func(uint16, []byte) {}); !errors.Is(err, ErrShort) {
		t.Errorf("a message without its fixed header is read: %v", err)
	}
}

// FuzzDatagram: no message and no attribute is longer than what it is in.
func FuzzDatagram(f *testing.F) {
	f.Add(NewRequest(unix.RTM_NEWLINK, FlagsAct, make([]byte, LinkHeader)).Text(unix.IFLA_IFNAME, "tap1").b)
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = eachMessage(data, func(m Message) {
			if len(m.Data) > len(data)-HeaderSize || int(m.Header.Len) != len(m.Data)+HeaderSize {
				t.Errorf("a message of %d bytes in a datagram of %d, header %+v", len(m.Data), len(data), m.Header)
			}
			_ = EachAttribute(m.Data, LinkHeader, func(_ uint16, v []byte) {
				if len(v) > len(m.Data)-LinkHeader-unix.SizeofRtAttr {
					t.Errorf("an attribute of %d bytes in a message of %d", len(v), len(m.Data))
				}
			})
			_ = errorOf(m)
		})
	})
}
