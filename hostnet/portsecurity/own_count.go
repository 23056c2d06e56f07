package portsecurity

import (
	"fmt"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// maxCounted bounds the elements of one message. With counters and comments they must fit into an attribute, which has 65,535
// bytes.
const maxCounted = 250

// countTimeout bounds how long the kernel may take with a transaction; it takes milliseconds.
const countTimeout = 5 * time.Second

// countOwn adds a counter to elements of set macs. The kernel cannot change an element. So one transaction replaces the elements,
// and each packet finds either the old or the new one. The library that writes all other elements cannot write counters.
func countOwn(elements []nftables.SetElement) error {
	// The rest waits for the next look.
	elements = elements[:min(len(elements), maxCounted)]
	if len(elements) == 0 {
		return nil
	}
	messages, err := countMessages(elements)
	if err != nil {
		return err
	}
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return fmt.Errorf("open a netlink netfilter socket: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(countTimeout)); err != nil {
		return fmt.Errorf("bound the counting of guests' frames: %w", err)
	}
	if _, err := conn.SendMessages(messages); err != nil {
		return fmt.Errorf("count the frames of guests: %w", err)
	}
	// The removal and the addition are acknowledged.
	for answers := 0; answers < 2; {
		got, err := conn.Receive()
		if err != nil {
			return fmt.Errorf("count the frames of guests: %w", err)
		}
		answers += len(got)
	}
	return nil
}

// countMessages are the messages of the transaction: begin, removal, addition, end.
func countMessages(elements []nftables.SetElement) ([]netlink.Message, error) {
	gone, err := elementList(elements, nil)
	if err != nil {
		return nil, err
	}
	counter, err := expr.Marshal(unix.NFPROTO_BRIDGE, &expr.Counter{})
	if err != nil {
		return nil, err
	}
	come, err := elementList(elements, counter)
	if err != nil {
		return nil, err
	}
	const acknowledged = netlink.Request | netlink.Acknowledge
	bracket := []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES}
	return []netlink.Message{
		{Header: netlink.Header{Type: unix.NFNL_MSG_BATCH_BEGIN, Flags: netlink.Request}, Data: bracket},
		{Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_DELSETELEM, Flags: acknowledged}, Data: gone},
		{Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWSETELEM, Flags: acknowledged | netlink.Create}, Data: come},
		{Header: netlink.Header{Type: unix.NFNL_MSG_BATCH_END, Flags: netlink.Request}, Data: bracket},
	}, nil
}

// elementList is a message about elements of set macs: their keys and, if a counter is given, the counter and their comments.
func elementList(elements []nftables.SetElement, counter []byte) ([]byte, error) {
	ae := netlink.NewAttributeEncoder()
	ae.String(unix.NFTA_SET_ELEM_LIST_TABLE, tableName)
	ae.String(unix.NFTA_SET_ELEM_LIST_SET, string(object.PortSecurityMACs))
	ae.Nested(unix.NFTA_SET_ELEM_LIST_ELEMENTS, func(list *netlink.AttributeEncoder) error {
		for _, e := range elements {
			list.Nested(unix.NFTA_LIST_ELEM, func(ae *netlink.AttributeEncoder) error {
				ae.Nested(unix.NFTA_SET_ELEM_KEY, func(ae *netlink.AttributeEncoder) error {
					ae.Bytes(unix.NFTA_DATA_VALUE, e.Key)
					return nil
				})
				if counter != nil {
					ae.Bytes(unix.NFTA_SET_ELEM_EXPR|unix.NLA_F_NESTED, counter)
					ae.Bytes(unix.NFTA_SET_ELEM_USERDATA, userdata.AppendString(nil, userdata.NFTNL_UDATA_SET_ELEM_COMMENT, e.Comment))
				}
				return nil
			})
		}
		return nil
	})
	attributes, err := ae.Encode()
	if err != nil {
		return nil, fmt.Errorf("write elements of set %s: %w", object.PortSecurityMACs, err)
	}
	return append([]byte{unix.NFPROTO_BRIDGE, unix.NFNETLINK_V0, 0, 0}, attributes...), nil
}
