package nftables

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
)

// LimitElement is an element that has a limit of its own: a rule that finds it in its set goes on only with packets above Rate a second, after
// Burst packets (nft: limit rate over). The library that writes all other elements cannot write limits.
type LimitElement struct {
	Key     []byte
	Comment string
	// Rate and Burst are 0 in an element that was read and has no such limit.
	Rate, Burst uint32
}

// LimitElements reads a set whose elements have limits. The error wraps os.ErrNotExist if there is no such set.
func (c *Conn) LimitElements(ctx context.Context, set *nftables.Set) (found []LimitElement, err error) {
	var failure error
	err = c.ask.Dump(ctx, "set "+set.Name+" of table "+set.Table.Name, func() *netlink.Request {
		return newSetRequest(unix.NFT_MSG_GETSETELEM, netlink.FlagsDump, set)
	}, func() { found, failure = found[:0], nil }, func(m netlink.Message) {
		failure = errors.Join(failure, eachElement(m.Data, func(element []byte) error {
			e, err := parseLimitElement(byte(set.Table.Family), element)
			found = append(found, e)
			return err
		}))
	})
	return found, errors.Join(err, failure)
}

// maxLimited bounds the elements of one message. With limits and comments they must fit into an attribute, which has 65,535 bytes.
const maxLimited = 250

// changeTimeout bounds how long the kernel may take with a transaction; it takes milliseconds.
const changeTimeout = 5 * time.Second

// ChangeLimits removes and adds elements of a set in one transaction. A packet finds either the old or the new limit.
func (c *Conn) ChangeLimits(set *nftables.Set, gone, come []LimitElement) error {
	if len(gone)+len(come) == 0 {
		return nil
	}
	batch := []*netlink.Request{newBatchMark(unix.NFNL_MSG_BATCH_BEGIN)}
	for _, list := range []struct {
		kind, flags uint16
		elements    []LimitElement
		limited     bool
	}{{unix.NFT_MSG_DELSETELEM, netlink.FlagsAct, gone, false}, {unix.NFT_MSG_NEWSETELEM, netlink.FlagsAct | unix.NLM_F_CREATE, come, true}} {
		for rest := list.elements; len(rest) > 0; {
			n := min(len(rest), maxLimited)
			r := newSetRequest(list.kind, list.flags, set)
			if err := appendElements(r, byte(set.Table.Family), rest[:n], list.limited); err != nil {
				return err
			}
			batch, rest = append(batch, r), rest[n:]
		}
	}
	last := len(batch) - 1
	batch = append(batch, newBatchMark(unix.NFNL_MSG_BATCH_END))
	var failed error
	err := c.ask.Exchange(time.Now().Add(changeTimeout), batch, func(i int, m netlink.Message) (complete bool, err error) {
		if m.Header.Type != unix.NLMSG_ERROR {
			return false, nil
		}
		failed = errors.Join(failed, netlink.ErrorOf(m))
		// The kernel reports an error of the whole transaction as an error of its first message, and sends nothing more.
		return i == last || i == 0, nil
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("change set %s of table %s: %w", set.Name, set.Table.Name, err)
	}
	return nil
}

// newSetRequest begins a message about elements of a set.
func newSetRequest(kind, flags uint16, set *nftables.Set) *netlink.Request {
	return netlink.NewRequest(unix.NFNL_SUBSYS_NFTABLES<<8|kind, flags, []byte{byte(set.Table.Family), unix.NFNETLINK_V0, 0, 0}).
		Text(unix.NFTA_SET_ELEM_LIST_TABLE, set.Table.Name).Text(unix.NFTA_SET_ELEM_LIST_SET, set.Name)
}

// newBatchMark is the begin or the end of a transaction, NFNL_MSG_BATCH_….
func newBatchMark(kind uint16) *netlink.Request {
	return netlink.NewRequest(kind, unix.NLM_F_REQUEST, []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES})
}

// appendElements appends the keys of elements and, if limited, their limits and comments.
func appendElements(r *netlink.Request, family byte, elements []LimitElement, limited bool) (err error) {
	r.Nest(unix.NFTA_SET_ELEM_LIST_ELEMENTS|unix.NLA_F_NESTED, nil, func() {
		for _, e := range elements {
			var limit []byte
			if limited {
				var wrong error
				limit, wrong = expr.Marshal(family, &expr.Limit{Type: expr.LimitTypePkts, Rate: uint64(e.Rate), Unit: expr.LimitTimeSecond, Burst: e.Burst, Over: true})
				err = errors.Join(err, wrong)
			}
			r.Nest(unix.NFTA_LIST_ELEM|unix.NLA_F_NESTED, nil, func() {
				r.Nest(unix.NFTA_SET_ELEM_KEY|unix.NLA_F_NESTED, nil, func() { r.Attr(unix.NFTA_DATA_VALUE, e.Key...) })
				if limited {
					r.Attr(unix.NFTA_SET_ELEM_EXPR|unix.NLA_F_NESTED, limit...)
					r.Attr(unix.NFTA_SET_ELEM_USERDATA, userdata.AppendString(nil, userdata.NFTNL_UDATA_SET_ELEM_COMMENT, e.Comment)...)
				}
			})
		}
	})
	return err
}

// eachElement passes the attributes of each element of a message to fn.
func eachElement(data []byte, fn func(element []byte) error) (failure error) {
	err := netlink.EachAttribute(data, netlink.NetfilterHeader, func(kind uint16, list []byte) {
		if kind != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			return
		}
		failure = errors.Join(failure, netlink.EachAttribute(list, 0, func(_ uint16, element []byte) {
			failure = errors.Join(failure, fn(element))
		}))
	})
	return errors.Join(failure, err)
}

// parseLimitElement reads an element. A limit that ChangeLimits would not have made counts as none.
func parseLimitElement(family byte, data []byte) (e LimitElement, failure error) {
	err := netlink.EachAttribute(data, 0, func(kind uint16, value []byte) {
		switch kind {
		case unix.NFTA_SET_ELEM_KEY:
			failure = errors.Join(failure, netlink.EachAttribute(value, 0, func(_ uint16, key []byte) { e.Key = append([]byte(nil), key...) }))
		case unix.NFTA_SET_ELEM_USERDATA:
			e.Comment, _ = userdata.GetString(value, userdata.NFTNL_UDATA_SET_ELEM_COMMENT)
			e.Comment = netlink.Text([]byte(e.Comment))
		case unix.NFTA_SET_ELEM_EXPR:
			e.Rate, e.Burst = parseLimit(family, value)
		}
	})
	if err = errors.Join(err, failure); err != nil {
		return e, fmt.Errorf("element of a set: %w", err)
	}
	return e, nil
}

// parseLimit reads the expression of an element; zeros if it is none of ours.
func parseLimit(family byte, data []byte) (rate, burst uint32) {
	name, limit := "", expr.Limit{}
	err := netlink.EachAttribute(data, 0, func(kind uint16, value []byte) {
		switch kind {
		case unix.NFTA_EXPR_NAME:
			name = netlink.Text(value)
		case unix.NFTA_EXPR_DATA:
			if name == "limit" && expr.Unmarshal(family, value, &limit) != nil {
				name = ""
			}
		}
	})
	ours := expr.Limit{Type: expr.LimitTypePkts, Rate: uint64(uint32(limit.Rate)), Unit: expr.LimitTimeSecond, Burst: limit.Burst, Over: true}
	if err != nil || name != "limit" || limit != ours {
		return 0, 0
	}
	return uint32(limit.Rate), limit.Burst
}
