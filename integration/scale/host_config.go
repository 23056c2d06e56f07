package scale

import (
	"strconv"
	"time"

	"weft/etcdschema"
	"weft/model/desired"
	"weft/reconcile/engine/report"
)

// config is a node config, read as weftd reads it.
type config struct {
	node    string
	items   *desired.NodeConfig
	raw     map[desired.Key][]byte
	buckets [etcdschema.Buckets]map[desired.Key]struct{}
	digest  etcdschema.SetDigest
	head    etcdschema.Head
}

func newConfig(node string) *config {
	s := &config{node: node, raw: map[desired.Key][]byte{}, items: desired.NewNodeConfig()}
	for i := range s.buckets {
		s.buckets[i] = map[desired.Key]struct{}{}
	}
	return s
}

// take applies events and returns the buckets of the report that they concern.
func (s *config) take(events []etcdschema.Event) map[int]bool {
	dirty := map[int]bool{}
	for _, e := range events {
		_, k, head, ok := etcdschema.ParseDesired(e.Key)
		switch {
		case head:
			s.head = etcdschema.Head{}
			if !e.Deleted {
				s.head, _ = etcdschema.Decode[etcdschema.Head](e.Value) // a head that cannot be decoded matches nothing
			}
		case ok:
			dirty[etcdschema.Bucket(k.UID)] = true
			s.put(k, e)
		}
	}
	return dirty
}

func (s *config) put(k desired.Key, e etcdschema.Event) {
	bucket := s.buckets[etcdschema.Bucket(k.UID)]
	if old, there := s.raw[k]; there {
		s.digest.Remove(e.Key, old)
		delete(s.raw, k)
		delete(bucket, k)
		s.items.Remove(k)
	}
	if e.Deleted {
		return
	}
	s.raw[k] = e.Value
	bucket[k] = struct{}{}
	s.digest.Add(e.Key, e.Value)
	if item, err := desired.AllKinds().Decode(k, e.Value); err == nil && k.Kind != desired.KindNeighbors {
		s.items.Put(item)
	}
}

// whole says that the node config matches its head. Without a head it must be empty.
func (s *config) whole() bool {
	if s.head.Digest == "" {
		return len(s.raw) == 0
	}
	return s.digest.Count() == s.head.Count && s.digest.String() == s.head.Digest
}

// bucket is one bucket of the report.
func (s *config) bucket(i int) etcdschema.BucketReport {
	r := etcdschema.BucketReport{Ports: map[string]etcdschema.PortReport{}, Claimed: map[string]etcdschema.ClaimedReport{}}
	for k := range s.buckets[i] {
		if c, ok := report.Claimed(s.items, k); ok {
			r.Claimed[k.UID] = c
		}
		if p := s.items.Port(k.UID); p != nil && k.Kind == desired.KindPort {
			told := report.Port(s.items, p)
			told.Device = p.Device
			r.Ports[k.UID] = told
		}
	}
	return r
}

// summary is the report's summary as of the batch.
func (s *config) summary(b etcdschema.Batch, now time.Time) etcdschema.NodeReport {
	return etcdschema.NodeReport{Version: "scale", Features: desired.Features(), ProcessedRevision: b.Revision, Generation: s.head.Generation,
		EtcdRevision: b.Revision, ClusterID: strconv.FormatUint(b.ClusterID, 16), Ports: s.items.Count(desired.KindPort), At: now.UTC()}
}
