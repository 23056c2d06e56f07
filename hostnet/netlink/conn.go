// Package netlink is how drivers use the kernel's netlink: requests and dumps, subscriptions, and one cache of a namespace's
// links that all drivers share.
//
// Invariants:
//   - A socket belongs to one network namespace, whichever thread uses it.
//   - An interrupted dump is repeated and never used.
//   - A subscription that may have lost something says so.
//   - If a subscription is brought up to date after a change was acknowledged, it contains that change. So older notifications
//     never come after newer ones.
package netlink

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"weft/hostnet/netns"
)

const (
	// ChunkSize is how many requests are in one datagram. Their answers and notifications fit into the buffers many times.
	ChunkSize = 256
	// socketBuffer is the size of each socket's receive buffer in bytes. A thousand links that are added at once fit. The kernel
	// allocates only what is used.
	socketBuffer = 8 << 20
)

// Conn sends requests to the kernel in one namespace, one exchange at a time.
type Conn struct {
	mu       sync.Mutex
	fd       int
	kernel   *unix.SockaddrNetlink // where requests go
	sequence uint32
	buffers  *Buffers
}

// Open opens a socket of a protocol (unix.NETLINK_ROUTE, unix.NETLINK_NETFILTER) inside the namespace.
func Open(ns *netns.Space, buffers *Buffers, protocol int) (*Conn, error) {
	fd, err := ns.Socket(unix.AF_NETLINK, unix.SOCK_RAW, protocol)
	if err != nil {
		return nil, err
	}
	return opened(fd, buffers)
}

// OpenHere is Open in the calling thread's namespace.
func OpenHere(buffers *Buffers, protocol int) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	return opened(fd, buffers)
}

// opened sets up the socket and owns it from then on.
func opened(fd int, buffers *Buffers) (*Conn, error) {
	err := errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer),
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1),
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1),
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1),
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("netlink socket: %w", err), unix.Close(fd))
	}
	return &Conn{fd: fd, kernel: &unix.SockaddrNetlink{Family: unix.AF_NETLINK}, buffers: buffers}, nil
}

// SetBuffers sets the sizes of both of the socket's buffers in bytes, for large transactions. A datagram must fit into the send
// buffer, and all its answers into the receive buffer. The kernel allocates only what is used.
func (c *Conn) SetBuffers(size int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := errors.Join(
		unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size),
		unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, size),
	)
	if err != nil {
		return fmt.Errorf("netlink socket: buffers of %d bytes: %w", size, err)
	}
	return nil
}

// Port is the port of the socket. Notifications of what was changed through the socket name it as their sender (Header.Pid).
func (c *Conn) Port() (uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, err := unix.Getsockname(c.fd)
	if err != nil {
		return 0, fmt.Errorf("port of a netlink socket: %w", err)
	}
	return a.(*unix.SockaddrNetlink).Pid, nil // it was opened as one
}

// Close makes every later request fail, even if the number of the socket is used again.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	fd := c.fd
	c.fd = -1
	return unix.Close(fd)
}
