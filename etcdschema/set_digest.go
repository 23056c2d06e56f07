package etcdschema

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// SetDigest is the digest of a set of keys with their values. It is the sum of the SHA-256 of each element, in four lanes modulo
// 2^64. It does not depend on the order. Adding or removing an element costs the same however large the set is. The zero value is
// the empty set. The digest proves that a node config is complete, not who wrote it.
type SetDigest struct {
	lanes [4]uint64
	count int
}

// Add adds an element. Adding an element twice gives another digest.
func (d *SetDigest) Add(k Key, value []byte) {
	for i, v := range elementHash(k, value) {
		d.lanes[i] += v
	}
	d.count++
}

// Remove removes an element. The value must be the one with which it was added.
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

// Head is the head of a node config that holds exactly the set.
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
