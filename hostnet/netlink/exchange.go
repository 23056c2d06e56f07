package netlink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// requestTimeout bounds each wait for the kernel's answer, unless the exchange as a whole is bounded.
const requestTimeout = 10 * time.Second

// Exchange sends the requests as one datagram. The kernel carries them out within that system call. Exchange then passes each
// answer to fn, with the number of its request, until fn says that the answers are complete or returns an error. fn must not keep
// the message. Answers to earlier exchanges are left out. The whole waiting ends at until with context.DeadlineExceeded. If until is
// zero, each wait ends after 10 s.
func (c *Conn) Exchange(until time.Time, requests []*Request, fn func(i int, m Message) (complete bool, err error)) error {
	if len(requests) == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.sequence + 1
	if err := c.send(requests); err != nil {
		return err
	}
	buffer := c.buffers.take()
	defer c.buffers.give(buffer)
	var failure error
	for complete := false; !complete; {
		err := c.receive(*buffer, until, func(m Message) {
			i := int(int32(m.Header.Seq - first))
			if i >= 0 && i < len(requests) && !complete {
				complete, failure = fn(i, m)
				complete = complete || failure != nil
			}
		})
		if err != nil {
			return err
		}
	}
	return failure
}

// Do sends at most ChunkSize requests as one datagram. The kernel carries out all of them within that system call, even if some
// fail. Do returns an error or nil for each. It calls reply with every answer but acknowledgements. reply must not keep the
// message.
func (c *Conn) Do(requests []*Request, reply func(i int, m Message)) []error {
	errs := make([]error, len(requests))
	open := len(requests)
	err := c.Exchange(time.Time{}, requests, func(i int, m Message) (bool, error) {
		if m.Header.Type == unix.NLMSG_ERROR {
			open--
			errs[i] = ErrorOf(m)
		} else if reply != nil {
			reply(i, m)
		}
		return open == 0, nil
	})
	if err != nil {
		for i := range errs {
			errs[i] = errors.Join(errs[i], err)
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
	_, err := Consistent(ctx, what, func() (struct{}, error) {
		reset()
		return struct{}{}, c.DumpOnce(time.Time{}, request(), fn)
	})
	return err
}

// DumpOnce is Dump without a repetition. The error is ErrInterrupted if something changed during the dump. The dump is then read
// to its end, because the socket accepts no other dump before. until is as for Exchange.
func (c *Conn) DumpOnce(until time.Time, r *Request, fn func(Message)) error {
	interrupted := false
	err := c.Exchange(until, []*Request{r}, func(_ int, m Message) (bool, error) {
		interrupted = interrupted || m.Header.Flags&unix.NLM_F_DUMP_INTR != 0
		switch m.Header.Type {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			return true, ErrorOf(m)
		}
		fn(m)
		return false, nil
	})
	if err == nil && interrupted {
		return ErrInterrupted
	}
	return err
}

// send gives the requests the next sequence numbers and sends them as one datagram.
func (c *Conn) send(requests []*Request) error {
	if c.fd < 0 {
		return fmt.Errorf("send to netlink: %w", net.ErrClosed)
	}
	size := 0
	for _, r := range requests {
		c.sequence++
		r.number(c.sequence)
		size += len(r.b)
	}
	out := requests[0].b
	if len(requests) > 1 {
		out = make([]byte, 0, size)
		for _, r := range requests {
			out = append(out, r.b...)
		}
	}
	if err := unix.Sendto(c.fd, out, 0, c.kernel); err != nil {
		return fmt.Errorf("send %d bytes to netlink: %w", len(out), err)
	}
	return nil
}

// receive passes on the messages of one datagram.
func (c *Conn) receive(buffer []byte, until time.Time, fn func(Message)) error {
	for {
		n, from, err := unix.Recvfrom(c.fd, buffer, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			if until.IsZero() {
				until = time.Now().Add(requestTimeout)
			}
			err = c.await(until)
		case err == nil:
			if a, ok := from.(*unix.SockaddrNetlink); !ok || a.Pid != 0 {
				return nil // not from the kernel
			}
			return eachMessage(buffer[:n], fn)
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("receive from netlink: %w", err)
		}
	}
}

// await waits until there is something to receive. Nearly always there is something when a request has been sent, so this costs
// nothing.
func (c *Conn) await(until time.Time) error {
	left := time.Until(until)
	if left <= 0 {
		return fmt.Errorf("the kernel does not answer: %w", context.DeadlineExceeded)
	}
	_, err := unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}, int(left/time.Millisecond)+1)
	return err
}
