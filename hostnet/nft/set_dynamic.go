package nft

import (
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// dynamicSet is a set that packets fill. Its elements expire, or hold a rate or a count.
type dynamicSet struct {
	name    string
	key     nftables.SetDatatype
	timeout time.Duration
	size    uint32
}

// create makes the set. NFT_SET_EVAL says that packets add elements.
func (d dynamicSet) create() request {
	flags := uint32(unix.NFT_SET_EVAL)
	if d.timeout > 0 {
		flags |= unix.NFT_SET_TIMEOUT
	}
	return request{kind: unix.NFT_MSG_NEWSET, flags: unix.NLM_F_CREATE, attributes: []attribute{
		text(unix.NFTA_SET_TABLE, tableName),
		text(unix.NFTA_SET_NAME, d.name),
		number(unix.NFTA_SET_KEY_TYPE, d.key.GetNFTMagic()),
		number(unix.NFTA_SET_KEY_LEN, d.key.Bytes),
		number(unix.NFTA_SET_ID, 1),
		number(unix.NFTA_SET_FLAGS, flags),
		nested(unix.NFTA_SET_DESC, number(unix.NFTA_SET_DESC_SIZE, d.size)),
	}}
}
