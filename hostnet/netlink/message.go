package netlink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Message is one netlink message: its header and the data after it.
type Message = syscall.NetlinkMessage

// ErrShort says that a message is shorter than it declares.
var ErrShort = errors.New("netlink message is cut off")

// The sizes of the fixed headers that begin each message (linux/netlink.h, if_link.h, if_addr.h, rtnetlink.h, neighbour.h).
const (
	HeaderSize     = unix.SizeofNlMsghdr
	LinkHeader     = unix.SizeofIfInfomsg
	AddressHeader  = unix.SizeofIfAddrmsg
	RouteHeader    = unix.SizeofRtMsg
	NeighborHeader = unix.SizeofNdMsg
	QdiscHeader    = 20 // struct tcmsg
	// NetfilterHeader is struct nfgenmsg: family, version, res_id.
	NetfilterHeader = 4
)

// attributeType masks the flags in an attribute's type (NLA_TYPE_MASK).
const attributeType = 0x3fff

// eachMessage splits a datagram into messages. The messages passed to fn refer to the datagram.
func eachMessage(b []byte, fn func(Message)) error {
	for len(b) >= HeaderSize {
		size := int(binary.NativeEndian.Uint32(b))
		if size < HeaderSize || size > len(b) {
			return ErrShort
		}
		fn(Message{Data: b[HeaderSize:size], Header: syscall.NlMsghdr{Len: uint32(size), Type: binary.NativeEndian.Uint16(b[4:]),
			Flags: binary.NativeEndian.Uint16(b[6:]), Seq: binary.NativeEndian.Uint32(b[8:]), Pid: binary.NativeEndian.Uint32(b[12:])}})
		b = b[min(align(size), len(b)):]
	}
	return nil
}

// EachAttribute calls fn for each attribute after a fixed header. The flags are removed from the type.
func EachAttribute(b []byte, fixed int, fn func(kind uint16, value []byte)) error {
	if len(b) < fixed {
		return ErrShort
	}
	b = b[fixed:]
	for len(b) >= unix.SizeofRtAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofRtAttr || size > len(b) {
			return ErrShort
		}
		fn(binary.NativeEndian.Uint16(b[2:])&attributeType, b[unix.SizeofRtAttr:size])
		b = b[min(align(size), len(b)):]
	}
	return nil
}

func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }

// Text is an attribute's value without the NULs at its end.
func Text(value []byte) string { return string(bytes.TrimRight(value, "\x00")) }

// Number reads a value of one, two or four bytes in the machine's byte order. It is 0 for other lengths.
func Number(value []byte) uint32 {
	switch len(value) {
	case 1:
		return uint32(value[0])
	case 2:
		return uint32(binary.NativeEndian.Uint16(value))
	case 4:
		return binary.NativeEndian.Uint32(value)
	}
	return 0
}

// NetworkNumber reads a value of four bytes in network byte order, which nfnetlink uses. It is 0 for other lengths.
func NetworkNumber(value []byte) uint32 {
	if len(value) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(value)
}

// Index is the index of the device that a message of links, addresses, neighbours or traffic control is about. All have it at the
// same offset.
func Index(data []byte) int {
	if len(data) < 8 {
		return 0
	}
	return int(int32(binary.NativeEndian.Uint32(data[4:])))
}

// ErrorOf is the error of an NLMSG_ERROR or NLMSG_DONE: an errno, and with NETLINK_EXT_ACK a text. It is nil for an
// acknowledgement, and for an NLMSG_DONE that says nothing.
func ErrorOf(m Message) error {
	if len(m.Data) < 4 {
		if m.Header.Type == unix.NLMSG_DONE {
			return nil
		}
		return ErrShort
	}
	errno := -int32(binary.NativeEndian.Uint32(m.Data))
	if errno <= 0 {
		return nil
	}
	err := error(syscall.Errno(errno))
	if m.Header.Type == unix.NLMSG_ERROR && m.Header.Flags&unix.NLM_F_ACK_TLVS != 0 {
		_ = EachAttribute(m.Data, 4+HeaderSize, func(kind uint16, v []byte) { // NETLINK_CAP_ACK: only the header of the request is echoed
			if kind == unix.NLMSGERR_ATTR_MSG {
				err = fmt.Errorf("%w (%s)", err, Text(v))
			}
		})
	}
	return err
}
