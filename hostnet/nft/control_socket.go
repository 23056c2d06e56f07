package nft

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// requestTimeout bounds each exchange with the kernel.
	requestTimeout = 20 * time.Second
	// socketBuffer is in bytes. A transaction is one datagram, and 100,000 elements need about 8 MB of it.
	socketBuffer = 64 << 20
	// dumpTries bounds how often a dump is repeated because others changed the tables meanwhile.
	dumpTries = 20
)

// Facts of the kernel's interface (linux/netfilter/nfnetlink.h, nf_tables.h) that the libraries do not name.
const (
	batchGeneration    = 1 // NFNL_BATCH_GENID: the generation that the transaction is for
	tableUserData      = 6 // NFTA_TABLE_USERDATA
	dumpInterrupted    = unix.NLM_F_DUMP_INTR
	firstBatchSequence = 1
)

// errGeneration says that the namespace's tables changed since they were read.
var errGeneration = errors.New("nf_tables changed meanwhile")

// control is a socket in one namespace. It handles one request at a time.
type control struct {
	mu     sync.Mutex
	socket *nl.NetlinkSocket
	port   uint32 // the port of this socket; notifications name it as their sender
	seq    uint32
	closed bool
}

// openControl opens a socket in the calling thread's namespace.
func openControl() (*control, error) {
	s, err := nl.Subscribe(unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("open a netlink netfilter socket: %w", err)
	}
	port, err := s.GetPid()
	if err == nil {
		// An error message need not contain the whole request.
		err = errors.Join(s.SetReceiveBufferSize(socketBuffer, true),
			unix.SetsockoptInt(s.GetFd(), unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1),
			unix.SetsockoptInt(s.GetFd(), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, socketBuffer))
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("set up a netlink netfilter socket: %w", err)
	}
	return &control{socket: s, port: port, seq: firstBatchSequence}, nil
}

// close waits until the current exchange has ended, because the number of a closed descriptor may be used again at once.
func (c *control) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.socket.Close()
}

// send writes one datagram. The kernel has handled it when send returns.
func (c *control) send(b []byte) error {
	if c.closed {
		return fmt.Errorf("send to nf_tables: %w", net.ErrClosed)
	}
	err := unix.Sendto(c.socket.GetFd(), b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	if err != nil {
		return fmt.Errorf("send %d bytes to nf_tables: %w", len(b), err)
	}
	return nil
}

// receive passes each answer whose sequence number is at least first to fn, until fn says that the answers are complete.
func (c *control) receive(ctx context.Context, first uint32, fn func(syscall.NetlinkMessage) (done bool, err error)) error {
	limit := time.Now().Add(requestTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(limit) {
		limit = d
	}
	for {
		left := time.Until(limit)
		if left <= 0 {
			return fmt.Errorf("nf_tables does not answer: %w", context.DeadlineExceeded)
		}
		timeout := unix.NsecToTimeval(left.Nanoseconds())
		_ = c.socket.SetReceiveTimeout(&timeout) // cannot fail: it is kept in the socket's value
		messages, _, err := c.socket.Receive()
		if err != nil {
			return fmt.Errorf("receive from nf_tables: %w", err)
		}
		for _, m := range messages {
			if int32(m.Header.Seq-first) < 0 {
				continue // an answer to an exchange that was given up
			}
			if done, err := fn(m); done || err != nil {
				return err
			}
		}
	}
}

// errno is the error in an NLMSG_ERROR message. It is nil for an acknowledgement.
func errno(m syscall.NetlinkMessage) error {
	if len(m.Data) < 4 {
		return fmt.Errorf("netlink error message of %d bytes", len(m.Data))
	}
	if code := int32(binary.NativeEndian.Uint32(m.Data)); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}

// transact carries out the requests as one transaction: all of them or none. If generation is not 0, the kernel must still be at
// that generation. Otherwise the result is errGeneration.
func (c *control) transact(ctx context.Context, generation uint32, requests []request) error {
	if len(requests) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.seq
	begin := request{kind: unix.NFNL_MSG_BATCH_BEGIN, batch: true}
	if generation != 0 {
		begin.attributes = []attribute{number(batchGeneration, generation)}
	}
	b := begin.append(nil, first)
	for i, r := range requests {
		r.flags |= unix.NLM_F_ACK
		b = r.append(b, first+1+uint32(i))
	}
	last := first + uint32(len(requests))
	b = request{kind: unix.NFNL_MSG_BATCH_END, batch: true}.append(b, last+1)
	c.seq = last + 2
	if err := c.send(b); err != nil {
		return err
	}
	var failed error
	err := c.receive(ctx, first, func(m syscall.NetlinkMessage) (bool, error) {
		if m.Header.Type != unix.NLMSG_ERROR {
			return false, nil
		}
		err := errno(m)
		if errors.Is(err, unix.ERESTART) {
			return true, errGeneration
		}
		if err != nil && failed == nil {
			failed = fmt.Errorf("request %d of %d: %w", m.Header.Seq-first, len(requests), err)
		}
		// The kernel reports an error of the whole transaction as an error of its first message, and sends nothing more.
		return m.Header.Seq == last || m.Header.Seq == first, nil
	})
	return errors.Join(err, failed)
}

// generation asks for the number of the namespace's last transaction.
func (c *control) generation(ctx context.Context) (uint32, error) {
	var found uint32
	err := c.ask(ctx, request{kind: unix.NFT_MSG_GETGEN}, func(m syscall.NetlinkMessage) error {
		a, err := attributesOf(m)
		found = readNumber(a[unix.NFTA_GEN_ID])
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("generation of nf_tables: %w", err)
	}
	return found, nil
}

// ask sends one request for information and passes each answer to fn. NLM_F_DUMP asks for many answers.
func (c *control) ask(ctx context.Context, r request, fn func(syscall.NetlinkMessage) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	seq := c.seq
	c.seq++
	dump := r.flags&unix.NLM_F_DUMP == unix.NLM_F_DUMP
	if err := c.send(r.append(nil, seq)); err != nil {
		return err
	}
	interrupted := false
	return c.receive(ctx, seq, func(m syscall.NetlinkMessage) (bool, error) {
		// An interrupted dump is read to its end, because the socket accepts no other request before.
		interrupted = interrupted || dump && m.Header.Flags&dumpInterrupted != 0
		switch {
		case m.Header.Type == unix.NLMSG_DONE && interrupted:
			return true, errGeneration
		case m.Header.Type == unix.NLMSG_DONE:
			return true, nil
		case m.Header.Type == unix.NLMSG_ERROR:
			return true, errno(m)
		}
		return !dump, fn(m)
	})
}
