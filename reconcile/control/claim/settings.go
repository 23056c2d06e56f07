package claim

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	mathrand "math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// Settings are what allocation depends on besides the cache. All fields are needed; DefaultSettings fills them in.
type Settings struct {
	MACPrefix [3]byte
	Now       func() time.Time
	NewUID    func() string
	Random    func() uint64
	NewSecret func() string
}

// DefaultMACPrefix is the prefix of MACs that Weft chooses. OpenStack uses the same.
func DefaultMACPrefix() [3]byte { return [3]byte{0xfa, 0x16, 0x3e} }

// DefaultSettings are the present time, random uids and secrets, and random MACs with the prefix fa:16:3e.
func DefaultSettings() Settings {
	return Settings{MACPrefix: DefaultMACPrefix(), Now: time.Now, NewUID: uuid.NewString, Random: mathrand.Uint64, NewSecret: newSecret}
}

// now is the time for records: UTC, in milliseconds.
func (s *Settings) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// newSecret is 256 random bits, in hexadecimal.
func newSecret() string {
	b := make([]byte, sha256.Size)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
