package netlink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"syscall"
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

// TestAnswersOfTheKernel: an acknowledgement, an error, and a message that is too short to be either.
func TestAnswersOfTheKernel(t *testing.T) {
	t.Parallel()
	answer := func(kind uint16, data ...byte) Message {
		return Message{Header: syscall.NlMsghdr{Type: kind}, Data: data}
	}
	enoent := binary.NativeEndian.AppendUint32(nil, ^uint32(unix.ENOENT)+1)
	for name, c := range map[string]struct {
		m    Message
		want error
	}{
		"acknowledgement":        {answer(unix.NLMSG_ERROR, 0, 0, 0, 0), nil},
		"error":                  {answer(unix.NLMSG_ERROR, enoent...), unix.ENOENT},
		"error that is cut off":  {answer(unix.NLMSG_ERROR, 1), ErrShort},
		"end":                    {answer(unix.NLMSG_DONE, 0, 0, 0, 0), nil},
		"end that failed":        {answer(unix.NLMSG_DONE, enoent...), unix.ENOENT},
		"end that says no errno": {answer(unix.NLMSG_DONE), nil},
	} {
		if err := ErrorOf(c.m); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, expected %v", name, err, c.want)
		}
	}
}

// TestNetworkOrder: numbers of nfnetlink are written and read in network byte order.
func TestNetworkOrder(t *testing.T) {
	t.Parallel()
	r := NewRequest(0, 0, nil).NetworkUint32(7, 258)
	if !bytes.Equal(r.Body()[unix.SizeofRtAttr:], []byte{0, 0, 1, 2}) {
		t.Errorf("258 is written as %v", r.Body())
	}
	if NetworkNumber([]byte{0, 0, 1, 2}) != 258 || NetworkNumber([]byte{1}) != 0 {
		t.Error("a number is read otherwise than in network order, or from too little")
	}
}

// TestAcknowledge: it changes nothing but one flag. The length is right without sending.
func TestAcknowledge(t *testing.T) {
	t.Parallel()
	r := NewRequest(3, unix.NLM_F_REQUEST, []byte{1, 2, 3, 4}).Grow(100).Raw(5, "abc")
	before := slices.Clone(r.Bytes())
	r.Acknowledge()
	if m := r.Message(); m.Header.Flags != FlagsAct || m.Header.Len != HeaderSize+4+8 {
		t.Errorf("the header is %+v", m.Header)
	}
	before[6] |= unix.NLM_F_ACK
	if !bytes.Equal(r.Bytes(), before) || !bytes.Equal(r.Body(), []byte{1, 2, 3, 4, 7, 0, 5, 0, 'a', 'b', 'c', 0}) {
		t.Errorf("the request is %v", r.Bytes())
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
			_ = ErrorOf(m)
		})
	})
}
