package netlink

import "sync"

// bufferSize is in bytes. The kernel's datagrams are at most half as large.
const bufferSize = 64 << 10

// Buffers lends receive buffers to any number of sockets. A socket has one only while it receives. So the sockets of a thousand
// namespaces need as few buffers as receive at the same time. The zero value is ready.
type Buffers struct{ pool sync.Pool }

// take returns a buffer of at least bufferSize bytes.
func (b *Buffers) take() *[]byte {
	if one, ok := b.pool.Get().(*[]byte); ok {
		return one
	}
	one := make([]byte, bufferSize)
	return &one
}

func (b *Buffers) give(one *[]byte) { b.pool.Put(one) }
