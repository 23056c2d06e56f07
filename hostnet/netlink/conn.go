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
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"weft/hostnet/netns"
)

const (
	// requestTimeout bounds each wait for the kernel's answer.
	requestTimeout = 10 * time.Second
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
	t := unix.NsecToTimeval(requestTimeout.Nanoseconds())
	err := errors.Join(
		unix.SetNonblock(fd, false),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &t),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &t),
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

// Close makes every later request fail, even if the number of the socket is used again.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	fd := c.fd
	c.fd = -1
	return unix.Close(fd)
}

// Do sends at most ChunkSize requests as one datagram. The kernel carries out all of them within that system call, even if some
// fail. Do returns an error or nil for each. It calls reply with every answer but acknowledgements. reply must not keep the
// message.
func (c *Conn) Do(requests []*Request, reply func(i int, m Message)) []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	errs := make([]error, len(requests))
	first := c.sequence + 1
	fail := func(err error) []error {
		for i := range errs {
			errs[i] = errors.Join(errs[i], err)
		}
		return errs
	}
	if err := c.send(requests); err != nil {
		return fail(err)
	}
	for open := len(requests); open > 0; {
		err := c.receive(func(m Message) {
			i := int(int32(m.Header.Seq - first))
			switch {
			case i < 0 || i >= len(requests): // an answer to a request that was given up
			case m.Header.Type == unix.NLMSG_ERROR:
				open--
				errs[i] = errorOf(m)
			case reply != nil:
				reply(i, m)
			}
		})
		if err != nil {
			return fail(err)
		}
	}
	return errs
}

// One is Do with one request.
func (c *Conn) One(r *Request, reply func(m Message)) error {
	return c.Do([]*Request{r}, func(_ int, m Message) {
		if reply != nil {
			reply(m)
		}
	})[0]
}

// Dump calls reset and then fn for each entry. It starts again as long as changes interrupt the dump. fn must not keep the
// message.
func (c *Conn) Dump(ctx context.Context, what string, request func() *Request, reset func(), fn func(Message)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := Consistent(ctx, what, func() (struct{}, error) {
		reset()
		return struct{}{}, c.dumpOnce(request(), fn)
	})
	return err
}

func (c *Conn) dumpOnce(r *Request, fn func(Message)) error {
	if err := c.send([]*Request{r}); err != nil {
		return err
	}
	interrupted := false
	for done := false; !done; {
		var failure error
		err := c.receive(func(m Message) {
			if m.Header.Seq != c.sequence {
				return
			}
			interrupted = interrupted || m.Header.Flags&unix.NLM_F_DUMP_INTR != 0
			switch m.Header.Type {
			case unix.NLMSG_DONE, unix.NLMSG_ERROR:
				done, failure = true, errorOf(m)
			default:
				fn(m)
			}
		})
		if err = errors.Join(err, failure); err != nil {
			return err
		}
	}
	if interrupted {
		return ErrInterrupted
	}
	return nil
}

// send gives the requests the next sequence numbers and sends them as one datagram.
func (c *Conn) send(requests []*Request) error {
	size := 0
	for _, r := range requests {
		size += len(r.b)
	}
	out := make([]byte, 0, size)
	for _, r := range requests {
		c.sequence++
		r.number(c.sequence)
		out = append(out, r.b...)
	}
	if err := unix.Sendto(c.fd, out, 0, c.kernel); err != nil {
		return fmt.Errorf("send to netlink: %w", err)
	}
	return nil
}

func (c *Conn) receive(fn func(Message)) error {
	buffer := c.buffers.take()
	defer c.buffers.give(buffer)
	n, from, err := unix.Recvfrom(c.fd, *buffer, 0)
	if err != nil {
		return fmt.Errorf("receive from netlink: %w", err)
	}
	if a, ok := from.(*unix.SockaddrNetlink); !ok || a.Pid != 0 {
		return nil // not from the kernel
	}
	return eachMessage((*buffer)[:n], fn)
}
