package control

import (
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// defaultMACPrefix is the prefix of MACs that Weft chooses. OpenStack uses the same.
var defaultMACPrefix = [3]byte{0xfa, 0x16, 0x3e}

// DefaultSettings are the present time, random uids and secrets, and random MACs with the prefix fa:16:3e.
func DefaultSettings() Settings {
	return Settings{MACPrefix: defaultMACPrefix, Now: time.Now, NewUID: uuid.NewString, Random: rand.Uint64, NewSecret: newSecret}
}
