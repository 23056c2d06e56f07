package compile

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// NetworkNumber is the number by which a host tells its networks apart: the first 8 bytes of a network's uid, which is a UUID. It
// needs no allocation and survives restarts. It is false when the uid is no UUID or the number would be 0.
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
