package etcdschema

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// SetDigest is the digest of a set of keys with their values: the sum of the SHA-256 of each, lane by lane modulo
// 2^64. It does not depend on order, and an element costs the same whatever the set holds. The zero value is the
// empty set. It proves that a slice is whole, not who wrote it.
type SetDigest struct {
	lanes [4]uint64
	count int
}

// Add puts an element in. Adding what is in already makes another set.
func (d *SetDigest) Add(k Key, value []byte) {
	for i, v := range elementHash(k, value) {
		d.lanes[i] += v
	}
	d.count++
}

// Remove takes out an element with exactly the value it was added with.
func (d *SetDigest) Remove(k Key, value []byte) {
	for i, v := range elementHash(k, value) {
		d.lanes[i] -= v
	}
	d.count--
}

// Count is the number of elements.
func (d *SetDigest) Count() int { return d.count }

// String is the digest as 64 hexadecimal digits.
func (d *SetDigest) String() string {
	var b [32]byte
	for i, v := range d.lanes {
		binary.BigEndian.PutUint64(b[i*8:], v)
	}
	return hex.EncodeToString(b[:])
}

// Head is the head of a slice that holds exactly the set.
func (d *SetDigest) Head(generation int64) Head {
	return Head{Generation: generation, Count: d.count, Digest: d.String()}
}

func elementHash(k Key, value []byte) (lanes [4]uint64) {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(k.path))))
	h.Write([]byte(k.path))
	h.Write(value)
	sum := h.Sum(nil)
	for i := range lanes {
		lanes[i] = binary.BigEndian.Uint64(sum[i*8:])
	}
	return lanes
}
