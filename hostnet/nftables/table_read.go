package nftables

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	mdlayher "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
)

const (
	// receiveBuffer is in bytes. It holds the kernel's answers to a large transaction.
	receiveBuffer = 8 << 20
	// maxElements bounds the elements of one message.
	maxElements = 500
)

// Conn reads the tables of one namespace, and sends changes as transactions.
type Conn struct {
	*nftables.Conn
	ask *netlink.Conn // for what the library cannot do
}

// Open opens a lasting connection in the calling thread's network namespace. Close ends it.
func Open() (*Conn, error) {
	ask, err := netlink.OpenHere(new(netlink.Buffers), unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(conn *mdlayher.Conn) error {
		return errors.Join(conn.SetReadBuffer(receiveBuffer), conn.SetWriteBuffer(receiveBuffer))
	}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open a netlink netfilter socket: %w", err), ask.Close())
	}
	return &Conn{conn, ask}, nil
}

// Close closes the sockets.
func (c *Conn) Close() error { return errors.Join(c.CloseLasting(), c.ask.Close()) }

// Consistent calls read until nobody commits anything meanwhile. The library ignores when the kernel says that a dump was
// interrupted. Successive dumps must also be of one generation.
func (c *Conn) Consistent(ctx context.Context, what string, read func() error) error {
	_, err := netlink.Consistent(ctx, what, func() (struct{}, error) {
		before, err := c.generation()
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
			return struct{}{}, read() // a kernel without nftables: nobody commits anything
		}
		if err != nil {
			return struct{}{}, err
		}
		failure := read()
		after, err := c.generation()
		if err == nil && after != before {
			return struct{}{}, netlink.ErrInterrupted
		}
		return struct{}{}, errors.Join(failure, err)
	})
	return err
}

// generation is the number of the namespace's last transaction.
func (c *Conn) generation() (found uint32, err error) {
	r := netlink.NewRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETGEN, netlink.FlagsAct, make([]byte, netlink.NetfilterHeader))
	err = c.ask.One(r, func(m netlink.Message) { found = committed(m).Generation })
	if err != nil {
		return 0, fmt.Errorf("generation of nftables: %w", err)
	}
	return found, nil
}

// Table finds a table. It is nil if there is none. A kernel without nftables has none; loading rules then says what is missing.
func (c *Conn) Table(t *nftables.Table) (*nftables.Table, error) {
	all, err := c.ListTablesOfFamily(t.Family)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EAFNOSUPPORT) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the tables of nftables: %w", err)
	}
	for _, one := range all {
		if one.Name == t.Name {
			return one, nil
		}
	}
	return nil, nil
}

// Rule is what is compared of one rule: its chain, its comment, and its handle, which the kernel never uses twice.
type Rule struct {
	Chain, Comment string
	Handle         uint64
}

// Rules reads the rules of a table in order. The library would read their expressions, and does not know all of them.
func (c *Conn) Rules(ctx context.Context, t *nftables.Table) (found []Rule, err error) {
	var failure error
	err = c.ask.Dump(ctx, "the rules of table "+t.Name, func() *netlink.Request {
		return netlink.NewRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETRULE, netlink.FlagsDump, []byte{byte(t.Family), 0, 0, 0}).
			Text(unix.NFTA_RULE_TABLE, t.Name)
	}, func() { found = found[:0] }, func(m netlink.Message) {
		r, err := parseRule(m.Data)
		failure = errors.Join(failure, err)
		found = append(found, r)
	})
	return found, errors.Join(err, failure)
}

// SetNames lists the sets and maps of a table, without those of single rules. The library would read their types, and does not know all of them.
func (c *Conn) SetNames(ctx context.Context, t *nftables.Table) (names []string, err error) {
	err = c.ask.Dump(ctx, "the sets of table "+t.Name, func() *netlink.Request {
		return netlink.NewRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETSET, netlink.FlagsDump, []byte{byte(t.Family), 0, 0, 0}).
			Text(unix.NFTA_SET_TABLE, t.Name)
	}, func() { names = names[:0] }, func(m netlink.Message) {
		name, flags := "", uint32(0)
		_ = netlink.EachAttribute(m.Data, netlink.NetfilterHeader, func(kind uint16, value []byte) {
			switch kind {
			case unix.NFTA_SET_NAME:
				name = netlink.Text(value)
			case unix.NFTA_SET_FLAGS:
				flags = netlink.NetworkNumber(value)
			}
		})
		if flags&unix.NFT_SET_ANONYMOUS == 0 {
			names = append(names, name)
		}
	})
	return names, err
}

// ruleComment is the type of a comment in the user data of a rule (libnftnl, NFTNL_UDATA_RULE_COMMENT).
const ruleComment userdata.Type = 0

// parseRule reads a rule message: nfgenmsg, then attributes in network byte order.
func parseRule(data []byte) (r Rule, err error) {
	err = netlink.EachAttribute(data, netlink.NetfilterHeader, func(kind uint16, value []byte) {
		switch kind {
		case unix.NFTA_RULE_CHAIN:
			r.Chain = netlink.Text(value)
		case unix.NFTA_RULE_HANDLE:
			if len(value) == 8 {
				r.Handle = binary.BigEndian.Uint64(value)
			}
		case unix.NFTA_RULE_USERDATA:
			comment, _ := userdata.GetString(value, ruleComment)
			r.Comment = netlink.Text([]byte(comment))
		}
	})
	if err != nil {
		return r, fmt.Errorf("rule message: %w", err)
	}
	return r, nil
}

// Elements reads a set. The error wraps os.ErrNotExist if there is none.
func (c *Conn) Elements(set *nftables.Set) ([]nftables.SetElement, error) {
	elements, err := c.GetSetElements(set)
	if err == nil {
		return elements, nil
	}
	// The library does not return which error it was.
	if _, missing := c.GetSetByName(set.Table, set.Name); errors.Is(missing, os.ErrNotExist) {
		err = missing
	}
	return nil, fmt.Errorf("read set %s of table %s: %w", set.Name, set.Table.Name, err)
}

// Queue passes the elements of one set to send, in messages that the kernel accepts.
func Queue(set *nftables.Set, elements []nftables.SetElement, send func(*nftables.Set, []nftables.SetElement) error) error {
	for len(elements) > 0 {
		n := min(len(elements), maxElements)
		if err := send(set, elements[:n]); err != nil {
			return fmt.Errorf("set %s: %w", set.Name, err)
		}
		elements = elements[n:]
	}
	return nil
}
