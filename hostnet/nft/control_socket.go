package nft

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
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
	batchGeneration = 1 // NFNL_BATCH_GENID: the generation that the transaction is for
	tableUserData   = 6 // NFTA_TABLE_USERDATA
)

// errGeneration says that the namespace's tables changed since they were read.
var errGeneration = errors.New("nf_tables changed meanwhile")

// control is a socket in one namespace. It handles one request at a time.
type control struct {
	conn *netlink.Conn
	port uint32 // the port of this socket; notifications name it as their sender
}

// openControl opens a socket in the calling thread's namespace.
func openControl(buffers *netlink.Buffers) (*control, error) {
	conn, err := netlink.OpenHere(buffers, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("nf_tables: %w", err)
	}
	port, err := conn.Port()
	if err = errors.Join(err, conn.SetBuffers(socketBuffer)); err != nil {
		return nil, fmt.Errorf("nf_tables: %w", errors.Join(err, conn.Close()))
	}
	return &control{conn, port}, nil
}

// close waits until the current exchange has ended.
func (c *control) close() { _ = c.conn.Close() }

// until is when an exchange that begins now must have ended.
func until(ctx context.Context) time.Time {
	limit := time.Now().Add(requestTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(limit) {
		return d
	}
	return limit
}

// transact carries out the requests as one transaction: all of them or none. If generation is not 0, the kernel must still be at
// that generation. Otherwise the result is errGeneration.
func (c *control) transact(ctx context.Context, generation uint32, requests []*netlink.Request) error {
	if len(requests) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	begin := newBatchMark(unix.NFNL_MSG_BATCH_BEGIN)
	if generation != 0 {
		begin.NetworkUint32(batchGeneration, generation)
	}
	batch := append(make([]*netlink.Request, 0, len(requests)+2), begin)
	for _, r := range requests {
		r.Acknowledge()
		batch = append(batch, r)
	}
	batch = append(batch, newBatchMark(unix.NFNL_MSG_BATCH_END))
	var failed error
	err := c.conn.Exchange(until(ctx), batch, func(i int, m netlink.Message) (complete bool, err error) {
		if m.Header.Type != unix.NLMSG_ERROR {
			return false, nil
		}
		err = netlink.ErrorOf(m)
		if errors.Is(err, unix.ERESTART) {
			return true, errGeneration
		}
		if err != nil && failed == nil {
			failed = fmt.Errorf("request %d of %d: %w", i, len(requests), err)
		}
		// The kernel reports an error of the whole transaction as an error of its first message, and sends nothing more.
		return i == len(requests) || i == 0, nil
	})
	if err != nil && !errors.Is(err, errGeneration) {
		err = fmt.Errorf("nf_tables: %w", err)
	}
	return errors.Join(err, failed)
}

// generation asks for the number of the namespace's last transaction.
func (c *control) generation(ctx context.Context) (uint32, error) {
	var found uint32
	err := c.ask(ctx, newRequest(unix.NFT_MSG_GETGEN, 0), func(m netlink.Message) error {
		return netlink.EachAttribute(m.Data, netlink.NetfilterHeader, func(kind uint16, data []byte) {
			if kind == unix.NFTA_GEN_ID {
				found = netlink.NetworkNumber(data)
			}
		})
	})
	if err != nil {
		return 0, fmt.Errorf("generation of nf_tables: %w", err)
	}
	return found, nil
}

// ask sends one request for information and passes the answer to fn.
func (c *control) ask(ctx context.Context, r *netlink.Request, fn func(netlink.Message) error) error {
	return c.conn.Exchange(until(ctx), []*netlink.Request{r}, func(_ int, m netlink.Message) (complete bool, err error) {
		if m.Header.Type == unix.NLMSG_ERROR {
			return true, netlink.ErrorOf(m)
		}
		return true, fn(m)
	})
}

// dump sends one request for information with NLM_F_DUMP and passes each answer to fn, until fn fails. The error is errGeneration if
// something changed during the dump.
func (c *control) dump(ctx context.Context, r *netlink.Request, fn func(netlink.Message) error) error {
	var failed error
	err := c.conn.DumpOnce(until(ctx), r, func(m netlink.Message) {
		if failed == nil {
			failed = fn(m)
		}
	})
	if errors.Is(err, netlink.ErrInterrupted) {
		return errGeneration
	}
	return errors.Join(err, failed)
}
