package nft

import (
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
)

// dynamicSet is a set that packets fill. Its elements expire, or hold a rate or a count.
type dynamicSet struct {
	name    string
	key     nftables.SetDatatype
	timeout time.Duration
	size    uint32
}

// create makes the set. NFT_SET_EVAL says that packets add elements.
func (d dynamicSet) create() *netlink.Request {
	flags := uint32(unix.NFT_SET_EVAL)
	if d.timeout > 0 {
		flags |= unix.NFT_SET_TIMEOUT
	}
	r := newRequest(unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE).Text(unix.NFTA_SET_TABLE, tableName).Text(unix.NFTA_SET_NAME, d.name).
		NetworkUint32(unix.NFTA_SET_KEY_TYPE, d.key.GetNFTMagic()).
		NetworkUint32(unix.NFTA_SET_KEY_LEN, d.key.Bytes).
		NetworkUint32(unix.NFTA_SET_ID, 1).
		NetworkUint32(unix.NFTA_SET_FLAGS, flags)
	return nest(r, unix.NFTA_SET_DESC, func() { r.NetworkUint32(unix.NFTA_SET_DESC_SIZE, d.size) })
}
