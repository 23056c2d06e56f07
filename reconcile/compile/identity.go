package compile

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"weft/hostnet/object"
)

// Cookie is the OpenFlow cookie of a flow set. Its top byte is object.CookieOwner. The other 56 bits are of the SHA-256 of the
// owner's uid and the feature. It is the same on every host and after every restart.
func Cookie(ownerUID, feature string) uint64 {
	sum := sha256.Sum256([]byte(ownerUID + "\x00" + feature))
	return object.CookieOwner | binary.BigEndian.Uint64(sum[:8])&^object.CookieMask
}

// learnCookie is the cookie of the link-local addresses that were learned from a port. It changes with the OpenFlow port number.
// Therefore what a guest claimed is removed when its interface is plugged anew.
func learnCookie(ownerUID string, ofport uint32) uint64 {
	return Cookie(ownerUID, fmt.Sprintf("link-local/%d", ofport))
}

// NetworkNumber is the number of a network in the OpenFlow metadata field of this host: the first 8 bytes of its uid, which is a
// UUID. It needs no allocation and survives restarts. It is false when the uid is no UUID or the number would be 0.
func NetworkNumber(uid string) (uint64, bool) {
	if len(uid) != 36 || uid[8] != '-' || uid[13] != '-' || uid[18] != '-' || uid[23] != '-' {
		return 0, false
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(uid, "-", ""))
	if err != nil || len(raw) != 16 {
		return 0, false
	}
	n := binary.BigEndian.Uint64(raw)
	return n, n != 0
}
