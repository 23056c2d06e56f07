package cache

import (
	"slices"

	"weft/etcdschema"
	"weft/model/desired"
)

// Node is what the cache knows of one node: its node config in etcd and its report.
type Node struct {
	Items  map[desired.Key]*Entry
	Digest etcdschema.SetDigest
	head   *Entry

	report      *etcdschema.NodeReport
	Buckets     map[int]*etcdschema.BucketReport
	reportBytes int                      // of report and buckets
	waiting     map[desired.Key]struct{} // items whose desired revision the node has not processed
}

// lacks is the first of the features that the node does not have. A node without a report has the baseline.
func (n *Node) lacks(features ...desired.Feature) (desired.Feature, bool) {
	have := desired.Baseline()
	if n != nil && n.report != nil {
		have = n.report.Features
	}
	for _, f := range features {
		if !slices.Contains(have, f) {
			return f, true
		}
	}
	return "", false
}

// HeadMatches says that the head in etcd matches the content of the node config.
func (n *Node) HeadMatches() bool {
	if n.head == nil {
		return len(n.Items) == 0
	}
	h, ok := n.head.Value.(*etcdschema.Head)
	return ok && h.Count == n.Digest.Count() && h.Digest == n.Digest.String()
}

// Processed says whether the node has processed everything up to the revision.
func (n *Node) Processed(revision int64) bool {
	return revision > 0 && n.report != nil && n.report.ProcessedRevision >= revision
}

// Exception says why the item with the uid is not programmed on the node, if the node reports an exception. The bucket is that of the uid.
func (n *Node) Exception(bucket int, uid string) (etcdschema.Exception, bool) {
	b := n.Buckets[bucket]
	if b == nil {
		return etcdschema.Exception{}, false
	}
	x, ok := b.Exceptions[uid]
	return x, ok
}

// Warnings are the node's warnings about the item with the uid, up to what one node may report. The bucket is that of the uid.
func (n *Node) Warnings(bucket int, uid string) []etcdschema.Warning {
	b := n.Buckets[bucket]
	if b == nil {
		return nil
	}
	var out []etcdschema.Warning
	for _, w := range b.Warnings[uid] {
		if len(out) < etcdschema.MaxWarnings && len(w.Reason)+len(w.Message) <= 2*etcdschema.MaxWarningMessage {
			out = append(out, w)
		}
	}
	return out
}

// gateway is the state that the node reports for a centralized router; empty without a known state.
func (n *Node) gateway(uid string) etcdschema.GatewayState {
	b := n.Buckets[etcdschema.Bucket(uid)]
	if b == nil {
		return ""
	}
	switch s := b.Gateways[uid].State; s {
	case etcdschema.GatewayActive, etcdschema.GatewayStandby:
		return s
	}
	return ""
}

// port is what the node reports of a port; zero when it reports nothing.
func (n *Node) port(uid string) etcdschema.PortReport {
	if b := n.Buckets[etcdschema.Bucket(uid)]; b != nil {
		return b.Ports[uid]
	}
	return etcdschema.PortReport{}
}

// SettleWaiting calls done with the uids whose desired revision the node has processed by now.
func (n *Node) SettleWaiting(done func(uid string)) {
	if len(n.waiting) == 0 {
		return
	}
	for k := range n.waiting {
		e := n.Items[k]
		if e != nil && !n.Processed(e.ModRevision) {
			continue
		}
		delete(n.waiting, k)
		if e != nil {
			done(k.UID)
		}
	}
	n.waiting = Renewed(n.waiting)
}
