package netlink

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Flags of requests (linux/netlink.h).
const (
	FlagsAct     = unix.NLM_F_REQUEST | unix.NLM_F_ACK
	FlagsMake    = FlagsAct | unix.NLM_F_CREATE | unix.NLM_F_EXCL
	FlagsReplace = FlagsAct | unix.NLM_F_CREATE | unix.NLM_F_REPLACE
	FlagsDump    = unix.NLM_F_REQUEST | unix.NLM_F_DUMP
)

// Request is a message to the kernel that is being built. It gets its sequence number when it is sent.
type Request struct{ b []byte }

// NewRequest begins a message with the fixed header of its kind.
func NewRequest(kind, flags uint16, fixed []byte) *Request {
	b := make([]byte, HeaderSize, 128)
	binary.NativeEndian.PutUint16(b[4:], kind)
	binary.NativeEndian.PutUint16(b[6:], flags)
	return &Request{append(b, fixed...)}
}

// Body is the message without its header. It belongs to the request.
func (r *Request) Body() []byte { return r.b[HeaderSize:] }

// Message is the request as its receiver reads it. It belongs to the request.
func (r *Request) Message() (m Message) {
	r.number(binary.NativeEndian.Uint32(r.b[8:]))
	_ = eachMessage(r.b, func(one Message) { m = one }) // one message, because its length is set
	return m
}

// Attr appends an attribute, padded to four bytes.
func (r *Request) Attr(kind uint16, value ...byte) *Request {
	r.b = binary.NativeEndian.AppendUint16(r.b, uint16(unix.SizeofRtAttr+len(value)))
	r.b = binary.NativeEndian.AppendUint16(r.b, kind)
	r.b = append(r.b, value...)
	for len(r.b)%unix.NLMSG_ALIGNTO != 0 {
		r.b = append(r.b, 0)
	}
	return r
}

// Text appends a text that ends with a NUL.
func (r *Request) Text(kind uint16, s string) *Request { return r.Attr(kind, append([]byte(s), 0)...) }

// Uint32 appends a number in the machine's byte order.
func (r *Request) Uint32(kind uint16, v uint32) *Request {
	return r.Attr(kind, binary.NativeEndian.AppendUint32(nil, v)...)
}

// Nest appends an attribute that contains attributes. Its value begins with fixed.
func (r *Request) Nest(kind uint16, fixed []byte, fill func()) *Request {
	start := len(r.b)
	r.Attr(kind, fixed...)
	fill()
	binary.NativeEndian.PutUint16(r.b[start:], uint16(len(r.b)-start))
	return r
}

// LinkInfo is the fixed header of a link message (struct ifinfomsg). change says which IFF_ flags to change, flags are their new
// values.
func LinkInfo(family byte, index int, flags, change uint32) []byte {
	b := make([]byte, LinkHeader)
	b[0] = family
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	binary.NativeEndian.PutUint32(b[8:], flags)
	binary.NativeEndian.PutUint32(b[12:], change)
	return b
}

// number completes the header.
func (r *Request) number(sequence uint32) {
	binary.NativeEndian.PutUint32(r.b, uint32(len(r.b)))
	binary.NativeEndian.PutUint32(r.b[8:], sequence)
}
