package cache

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"weft/etcdschema"
	"weft/model"
)

// Bounds on what one node can put into the controllers' memory and into statuses. A node with 10,000 ports stays below them.
const (
	MaxReportBytes   = 4 << 20 // of all keys of a node together
	MaxBucketEntries = 1024
	MaxReportedText  = 512 // bytes of a reason
	maxClusterID     = 20  // characters: 64 bits, decimal
)

// MaxReportedName bounds project/name in a report: two DNS labels.
const MaxReportedName = 127

// MaxReportedAddresses bounds the addresses of one entry. No port has as many.
const MaxReportedAddresses = 64

// ReportLimit is the largest value that the controllers read of a key. Keys below a node's prefix of actual/ that belong to no
// report are not read at all.
func ReportLimit(k etcdschema.Key) int {
	if Area(k) != "actual" {
		return math.MaxInt
	}
	_, _, summary, ok := etcdschema.ParseActual(k)
	switch {
	case !ok:
		return -1
	case summary:
		return etcdschema.MaxNodeReportBytes
	}
	return etcdschema.MaxBucketReportBytes
}

// DecodeReport is the NodeReport or BucketReport under a key of actual/; nil when no weftd would write such a value.
func DecodeReport(k etcdschema.Key, data []byte) any {
	if len(data) > ReportLimit(k) {
		return nil
	}
	if _, _, summary, _ := etcdschema.ParseActual(k); summary {
		r, err := etcdschema.Decode[etcdschema.NodeReport](data)
		if err != nil || len(r.ClusterID) > maxClusterID {
			return nil
		}
		return &r
	}
	r, err := etcdschema.Decode[etcdschema.BucketReport](data)
	if err != nil || checkBucket(&r) != nil {
		return nil
	}
	for uid, x := range r.Exceptions {
		x.Reason = Cut(x.Reason, MaxReportedText)
		r.Exceptions[uid] = x
	}
	return &r
}

// checkBucket bounds the memory of a bucket, which is many times the size of its JSON.
func checkBucket(r *etcdschema.BucketReport) error {
	if n := len(r.Ports) + len(r.Exceptions) + len(r.Gateways) + len(r.Claimed) + len(r.Warnings) + len(r.Limited); n > MaxBucketEntries {
		return fmt.Errorf("%d entries, at most %d are expected", n, MaxBucketEntries)
	}
	var err error
	few := func(list []model.Address) {
		if len(list) > MaxReportedAddresses {
			err = errors.New("too many addresses in one entry")
		}
	}
	for _, p := range r.Ports {
		few(p.Addresses)
	}
	for _, g := range r.Gateways {
		few(g.Addresses)
	}
	for _, c := range r.Claimed {
		few(c.Addresses)
	}
	return err
}

// Cut shortens a text to this number of bytes, at the end of a character.
func Cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return strings.Clone(s[:most]) + "…"
}
