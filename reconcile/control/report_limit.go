package control

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"weft/etcdschema"
	"weft/model"
)

// Bounds of what one node can put into the controllers' memory and into statuses. A node with 10,000 ports stays below.
const (
	maxReportBytes   = 4 << 20 // of all keys of a node together
	maxBucketEntries = 1024
	maxReportedText  = 512 // bytes of a reason
	maxClusterID     = 20  // characters: 64 bits, decimal
)

// maxReportedAddresses bounds the addresses of one entry; no port has as many.
const maxReportedAddresses = 64

// reportLimit is how large a value the controllers read of a key: what a node writes below its prefix of actual/ that is
// no part of a report is not read at all.
func reportLimit(k etcdschema.Key) int {
	if area(k) != "actual" {
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

// decodeReport is the NodeReport or BucketReport under a key of actual/; nil when it cannot be what a weftd has written.
func decodeReport(k etcdschema.Key, data []byte) any {
	if len(data) > reportLimit(k) {
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
		x.Reason = cut(x.Reason, maxReportedText)
		r.Exceptions[uid] = x
	}
	return &r
}

// checkBucket bounds what a bucket becomes in memory, which is many times its JSON.
func checkBucket(r *etcdschema.BucketReport) error {
	if n := len(r.Ports) + len(r.Exceptions) + len(r.Gateways) + len(r.Claimed) + len(r.Warnings); n > maxBucketEntries {
		return fmt.Errorf("%d entries, at most %d are expected", n, maxBucketEntries)
	}
	var err error
	few := func(list []model.Address) {
		if len(list) > maxReportedAddresses {
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

// cut shortens a text to so many bytes, at the end of a character.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return strings.Clone(s[:most]) + "…"
}
