package netlink

import (
	"encoding/binary"
	"slices"

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

// Grow makes room for size more bytes, for requests that are large.
func (r *Request) Grow(size int) *Request {
	r.b = slices.Grow(r.b, size)
	return r
}

// Acknowledge makes the kernel acknowledge the request.
func (r *Request) Acknowledge() {
	binary.NativeEndian.PutUint16(r.b[6:], binary.NativeEndian.Uint16(r.b[6:])|unix.NLM_F_ACK)
}

// Bytes is the whole message. Its sequence number is 0 before it was sent. It belongs to the request.
func (r *Request) Bytes() []byte {
	r.number(binary.NativeEndian.Uint32(r.b[8:]))
	return r.b
}

// Body is the message without its header. It belongs to the request.
func (r *Request) Body() []byte { return r.b[HeaderSize:] }

// Message is the request as its receiver reads it. It belongs to the request.
func (r *Request) Message() (m Message) {
	_ = eachMessage(r.Bytes(), func(one Message) { m = one }) // one message, because its length is set
	return m
}

// Attr appends an attribute, padded to four bytes.
func (r *Request) Attr(kind uint16, value ...byte) *Request {
	r.b = appendAttribute(r.b, kind, value)
	return r
}

// Raw is Attr with a value that is kept in a string. It appends no NUL.
func (r *Request) Raw(kind uint16, value string) *Request {
	r.b = appendAttribute(r.b, kind, value)
	return r
}

func appendAttribute[T string | []byte](b []byte, kind uint16, value T) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%unix.NLMSG_ALIGNTO != 0 {
		b = append(b, 0)
	}
	return b
}

// Text appends a text that ends with a NUL.
func (r *Request) Text(kind uint16, s string) *Request { return r.Attr(kind, append([]byte(s), 0)...) }

// Uint32 appends a number in the machine's byte order.
func (r *Request) Uint32(kind uint16, v uint32) *Request {
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], v)
	return r.Attr(kind, b[:]...)
}

// NetworkUint32 appends a number in network byte order, which nfnetlink uses.
func (r *Request) NetworkUint32(kind uint16, v uint32) *Request {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return r.Attr(kind, b[:]...)
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
