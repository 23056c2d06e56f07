package control

import (
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// DefaultMACPrefix is the prefix of MACs that Weft chooses; OpenStack uses the same.
var defaultMACPrefix = [3]byte{0xfa, 0x16, 0x3e}

// DefaultSettings are random uids and MACs behind fa:16:3e.
func DefaultSettings() Settings {
	return Settings{MACPrefix: defaultMACPrefix, Now: time.Now, NewUID: uuid.NewString, Random: rand.Uint64, NewSecret: newSecret}
}
