package netlink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"weft/hostnet/netns"
)

// Subscription receives the changes of one namespace. The kernel puts the notification of a change here before it acknowledges
// the change. So after reading until nothing is left, one has seen every acknowledged change. Only one goroutine may read at a
// time.
type Subscription struct {
	file    *os.File
	raw     syscall.RawConn
	buffers *Buffers
	// What Drain passes to read, which is made once. So Drain allocates nothing.
	drained drained
	read    func(fd uintptr)
}

// drained is one Drain.
type drained struct {
	fn   func(Message)
	lost bool
	err  error
}

// Subscribe subscribes to groups of a protocol (unix.NETLINK_ROUTE, unix.NETLINK_NETFILTER) inside the namespace.
func Subscribe(ns *netns.Space, buffers *Buffers, protocol int, groups ...int) (*Subscription, error) {
	fd, err := ns.Socket(unix.AF_NETLINK, unix.SOCK_RAW, protocol)
	if err != nil {
		return nil, err
	}
	return subscribed(fd, buffers, groups)
}

// SubscribeHere is Subscribe in the calling thread's namespace.
func SubscribeHere(buffers *Buffers, protocol int, groups ...int) (*Subscription, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return nil, fmt.Errorf("netlink subscription: open a socket: %w", err)
	}
	return subscribed(fd, buffers, groups)
}

// subscribed sets up the socket and owns it from then on.
func subscribed(fd int, buffers *Buffers, groups []int) (*Subscription, error) {
	err := errors.Join(
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
	s := &Subscription{file: f, raw: raw, buffers: buffers}
	s.read = func(fd uintptr) { s.drained.lost, s.drained.err = s.drain(int(fd), s.drained.fn) }
	return s, nil
}

// Close also ends Wait.
func (s *Subscription) Close() error { return s.file.Close() }

// Wake makes Wait call ready once more. It never waits. If somebody else reads what has arrived, Wait may not notice that it arrived.
func (s *Subscription) Wake() {
	_ = s.file.SetReadDeadline(time.Unix(1, 0)) // it fails only if the subscription was closed, and then Wait ends
}

// Wait calls ready whenever there may be something to read, until ready returns true, ctx ends or the subscription is closed. It
// may be called again after its context ended.
func (s *Subscription) Wait(ctx context.Context, ready func() (stop bool)) error {
	if err := s.file.SetReadDeadline(time.Time{}); err != nil { // an earlier wait may have been stopped
		return err
	}
	stopped := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() { defer close(stopped); _ = s.file.SetReadDeadline(time.Unix(1, 0)) })
	defer func() {
		if !cancel() {
			<-stopped
		}
	}()
	for stop := false; !stop; {
		err := s.raw.Read(func(uintptr) bool { stop = ready() || ctx.Err() != nil; return stop })
		if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			err = s.file.SetReadDeadline(time.Time{}) // it was woken; if ctx ends now, the next turn sees that
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Drain reads until nothing is left. fn must not keep the message. lost says that the kernel had to drop something.
func (s *Subscription) Drain(fn func(Message)) (lost bool, err error) {
	s.drained = drained{fn: fn}
	failed := s.raw.Control(s.read)
	lost, err = s.drained.lost, s.drained.err
	s.drained = drained{}
	return lost, errors.Join(err, failed)
}

func (s *Subscription) drain(fd int, fn func(Message)) (lost bool, err error) {
	buffer := s.buffers.take()
	defer func() { s.buffers.give(buffer) }()
	for {
		n, from, err := unix.Recvfrom(fd, *buffer, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
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
		if n > len(*buffer) { // the part that was cut off is lost; the next message of this size will fit
			lost, *buffer = true, make([]byte, n)
			continue
		}
		if a, ok := from.(*unix.SockaddrNetlink); !ok || a.Pid != 0 {
			continue
		}
		if err := eachMessage((*buffer)[:n], fn); err != nil {
			return lost, err
		}
	}
}
