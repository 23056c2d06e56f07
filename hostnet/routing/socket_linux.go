package routing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"weft/hostnet/netns"
)

const (
	// requestTimeout bounds each wait for the kernel's answer.
	requestTimeout = 10 * time.Second
	// chunkSize is how many requests are in one datagram. Their answers and notifications fit into the buffers many times.
	chunkSize = 256
	// dumpAttempts bounds how often an interrupted dump is repeated. Each repetition means that something changed during the
	// dump.
	dumpAttempts = 20
	// socketBuffer is the size of each socket's receive buffer in bytes. The kernel allocates only what is used.
	socketBuffer = 8 << 20
	datagramSize = 256 << 10
)

// errInterrupted is a dump during which something changed (NLM_F_DUMP_INTR).
var errInterrupted = errors.New("interrupted by a change")

// conn sends requests to the kernel in one namespace. The space's lock protects it.
type conn struct {
	fd       int
	sequence uint32
	buffer   []byte
}

func openConn(ns *netns.Space, buffer []byte) (*conn, error) {
	fd, err := ns.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	t := unix.NsecToTimeval(requestTimeout.Nanoseconds())
	err = errors.Join(
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
	return &conn{fd: fd, buffer: buffer}, nil
}

// close makes every later request fail, even if the number of the socket is used again.
func (c *conn) close() error {
	fd := c.fd
	c.fd = -1
	return unix.Close(fd)
}

// number gives the requests the next sequence numbers. It returns them as one datagram.
func (c *conn) number(requests []*request) []byte {
	var out []byte
	for _, r := range requests {
		c.sequence++
		binary.NativeEndian.PutUint32(r.b, uint32(len(r.b)))
		binary.NativeEndian.PutUint32(r.b[8:], c.sequence)
		out = append(out, r.b...)
	}
	return out
}

// do sends at most chunkSize requests as one datagram. The kernel carries out all of them within that system call, even if some
// fail. do returns an error or nil for each. It calls reply with every answer but acknowledgements.
func (c *conn) do(requests []*request, reply func(i int, m message)) []error {
	errs := make([]error, len(requests))
	first := c.sequence + 1
	fail := func(err error) []error {
		for i := range errs {
			errs[i] = errors.Join(errs[i], err)
		}
		return errs
	}
	if err := unix.Sendto(c.fd, c.number(requests), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fail(fmt.Errorf("send to netlink: %w", err))
	}
	for open := len(requests); open > 0; {
		err := c.receive(func(m message) {
			i := int(int32(m.sequence - first))
			switch {
			case i < 0 || i >= len(requests): // an answer to a request that was given up
			case m.kind == unix.NLMSG_ERROR:
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

// dump calls reset and then fn for each entry. It starts again as long as changes interrupt the dump.
func (c *conn) dump(what string, request func() *request, reset func(), fn func(message)) error {
	for range dumpAttempts {
		reset()
		err := c.dumpOnce(request(), fn)
		if err == nil {
			return nil
		}
		if !errors.Is(err, errInterrupted) {
			return fmt.Errorf("read %s: %w", what, err)
		}
	}
	return fmt.Errorf("read %s: interrupted %d times by changes: will be tried again", what, dumpAttempts)
}

func (c *conn) dumpOnce(r *request, fn func(message)) error {
	if err := unix.Sendto(c.fd, c.number([]*request{r}), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("send to netlink: %w", err)
	}
	interrupted := false
	for done := false; !done; {
		var failure error
		err := c.receive(func(m message) {
			if m.sequence != c.sequence {
				return
			}
			interrupted = interrupted || m.flags&unix.NLM_F_DUMP_INTR != 0
			switch m.kind {
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
		return errInterrupted
	}
	return nil
}

func (c *conn) receive(fn func(message)) error {
	n, from, err := unix.Recvfrom(c.fd, c.buffer, 0)
	if err != nil {
		return fmt.Errorf("receive from netlink: %w", err)
	}
	if a, ok := from.(*unix.SockaddrNetlink); !ok || a.Pid != 0 {
		return nil // not from the kernel
	}
	return eachMessage(c.buffer[:n], fn)
}

// errorOf is the error of an NLMSG_ERROR or NLMSG_DONE: an errno, and with NETLINK_EXT_ACK a text.
func errorOf(m message) error {
	if len(m.data) < 4 {
		return nil
	}
	errno := -int32(binary.NativeEndian.Uint32(m.data))
	if errno <= 0 {
		return nil
	}
	err := error(syscall.Errno(errno))
	if m.kind == unix.NLMSG_ERROR && m.flags&unix.NLM_F_ACK_TLVS != 0 && len(m.data) >= 4+headerSize {
		_ = eachAttribute(m.data, 4+headerSize, func(kind uint16, v []byte) { // NETLINK_CAP_ACK: only the header of the request is echoed
			if kind == unix.NLMSGERR_ATTR_MSG {
				err = fmt.Errorf("%w (%s)", err, text(v))
			}
		})
	}
	return err
}

// subscription receives the changes of one namespace. The kernel puts the notification of a change here before it acknowledges
// the change. So after reading until nothing is left, one has seen every acknowledged change.
type subscription struct {
	file *os.File
	raw  syscall.RawConn
}

func openSubscription(ns *netns.Space, groups ...int) (*subscription, error) {
	fd, err := ns.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer),
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
	)
	for _, g := range groups {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, g))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("netlink subscription: %w", err), unix.Close(fd))
	}
	f := os.NewFile(uintptr(fd), "netlink")
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("netlink subscription: %w", err), f.Close())
	}
	return &subscription{f, raw}, nil
}

func (s *subscription) close() error { return s.file.Close() }

// wait calls drain whenever there may be something to read, until drain returns true or the subscription is closed.
func (s *subscription) wait(drain func(fd int) (stop bool)) error {
	stop := false
	for !stop {
		if err := s.raw.Read(func(fd uintptr) bool { stop = drain(int(fd)); return stop }); err != nil {
			return err
		}
	}
	return nil
}

// drain reads until nothing is left. lost says that the kernel had to drop something.
func drain(fd int, buffer []byte, fn func(message)) (lost bool, err error) {
	for {
		n, from, err := unix.Recvfrom(fd, buffer, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return lost, nil
		case errors.Is(err, unix.ENOBUFS):
			lost = true
			continue
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return lost, fmt.Errorf("receive from netlink: %w", err)
		}
		if a, ok := from.(*unix.SockaddrNetlink); !ok || a.Pid != 0 {
			continue
		}
		if err := eachMessage(buffer[:n], fn); err != nil {
			return lost, err
		}
	}
}
