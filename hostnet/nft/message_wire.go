package nft

import (
	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
)

// newRequest begins a message NFT_MSG_… about family inet. Numbers in its attributes are in network byte order.
func newRequest(kind, flags uint16) *netlink.Request {
	return netlink.NewRequest(unix.NFNL_SUBSYS_NFTABLES<<8|kind, unix.NLM_F_REQUEST|flags,
		[]byte{unix.NFPROTO_INET, unix.NFNETLINK_V0, 0, 0})
}

// newBatchMark is the begin or the end of a transaction, NFNL_MSG_BATCH_….
func newBatchMark(kind uint16) *netlink.Request {
	return netlink.NewRequest(kind, unix.NLM_F_REQUEST, []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES})
}

// nest appends an attribute that holds what fill appends.
func nest(r *netlink.Request, kind uint16, fill func()) *netlink.Request {
	return r.Nest(kind|unix.NLA_F_NESTED, nil, fill)
}

// attributesOf collects the attributes of an nf_tables message. Each type occurs once.
func attributesOf(m netlink.Message) (map[uint16][]byte, error) {
	found := map[uint16][]byte{}
	err := netlink.EachAttribute(m.Data, netlink.NetfilterHeader, func(kind uint16, data []byte) { found[kind] = data })
	return found, err
}

// messageOf is the NFT_MSG_… of a message, or -1 if the message is not from nf_tables.
func messageOf(m netlink.Message) int {
	if m.Header.Type>>8 != unix.NFNL_SUBSYS_NFTABLES {
		return -1
	}
	return int(m.Header.Type & 0xff)
}
