package control

import (
	"fmt"
	"maps"
	"slices"

	"weft/etcdschema"
)

// severalNodes is how many nodes must report that etcd went back before it is believed. One node is not enough, because its
// certificate may be stolen.
const severalNodes = 2

// several is severalNodes, or less in a region where fewer nodes have ever reported. The word of the only node concerns nobody
// else.
func several(reporting int) int { return max(1, min(severalNodes, reporting)) }

// testify reads the reports in a batch that was applied. A report is always written after the revision that it names, and to the
// cluster that it names. A report that contradicts this comes from a later or another history.
func (b *brake) testify(c *Cache, batch etcdschema.Batch) {
	for _, ev := range batch.Events {
		if name, _, summary, ok := etcdschema.ParseActual(ev.Key); ok && summary {
			b.hear(c, name)
		}
	}
}

func (b *brake) hear(c *Cache, name string) {
	n := c.nodes[name]
	var w etcdschema.NodeSeen
	if n != nil && n.report != nil {
		if n.report.EtcdRevision > c.mod(etcdschema.ActualNode(name)) {
			w.Revision = n.report.EtcdRevision
		}
		if id := n.report.ClusterID; id != "" && !isCluster(id, c.ClusterID) {
			w.ClusterID = id
		}
	}
	if w == (etcdschema.NodeSeen{}) {
		delete(b.witnesses, name)
		delete(b.known, name)
		return
	}
	if b.witnesses == nil {
		b.witnesses = map[string]etcdschema.NodeSeen{}
	}
	b.witnesses[name] = w
}

// news is the part of a node's evidence that was not known at the last accept.
func (b *brake) news(name string) (w etcdschema.NodeSeen) {
	now, known := b.witnesses[name], b.known[name]
	if now.Revision > max(b.revision, known.Revision) {
		w.Revision = now.Revision
	}
	if now.ClusterID != known.ClusterID && !slices.Contains(b.clusters, now.ClusterID) {
		w.ClusterID = now.ClusterID
	}
	return w
}

// evidence says why several nodes make us believe that etcd went back; empty when they do not.
func (b *brake) evidence(c *Cache) string {
	if len(b.witnesses) == 0 {
		return ""
	}
	var ahead []string
	elsewhere := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(b.witnesses)) {
		w := b.news(name)
		if w.Revision != 0 {
			ahead = append(ahead, name)
		}
		if w.ClusterID != "" {
			elsewhere[w.ClusterID] = append(elsewhere[w.ClusterID], name)
		}
	}
	if need := several(c.reporting); len(ahead) >= need {
		name := ahead[0]
		return fmt.Sprintf("etcd went back: node %s has seen revision %d, its report stands at %d%s", name,
			b.witnesses[name].Revision, c.mod(etcdschema.ActualNode(name)), andMore(len(ahead)-1))
	}
	for _, id := range slices.Sorted(maps.Keys(elsewhere)) {
		if names := elsewhere[id]; len(names) >= several(c.reporting) {
			return fmt.Sprintf("etcd is another: node %s has reported from cluster %s, this is %x%s", names[0], id, c.ClusterID, andMore(len(names)-1))
		}
	}
	return ""
}

func andMore(others int) string {
	if others == 0 {
		return ""
	}
	return fmt.Sprintf("; so say %d other nodes", others)
}

// alone returns, by node, evidence that is not believed because too few nodes report it.
func (b *brake) alone(c *Cache) map[string]string {
	out := map[string]string{}
	for name := range b.witnesses {
		switch w := b.news(name); {
		case w.Revision != 0:
			out[name] = fmt.Sprintf("says that etcd went back, and too few others do: it has seen revision %d, its report stands at %d",
				w.Revision, c.mod(etcdschema.ActualNode(name)))
		case w.ClusterID != "":
			out[name] = fmt.Sprintf("says that etcd is another, and too few others do: it has reported from cluster %s, this is %x", w.ClusterID, c.ClusterID)
		}
	}
	return out
}

// acceptWitnesses records the evidence of nodes as known. What several nodes report is known for all nodes. What one node reports
// beyond that is known for that node only, so that a false report does not hide real evidence of others.
func (b *brake) acceptWitnesses(c *Cache) {
	var revisions []int64
	clusters := map[string]int{}
	for _, w := range b.witnesses {
		revisions = append(revisions, w.Revision)
		clusters[w.ClusterID]++
	}
	need := several(c.reporting)
	slices.Sort(revisions)
	if len(revisions) >= need {
		b.revision = max(b.revision, revisions[len(revisions)-need])
	}
	for id, n := range clusters {
		if id != "" && n >= need && !slices.Contains(b.clusters, id) {
			b.clusters = append(b.clusters, id)
		}
	}
	slices.Sort(b.clusters)
	for name := range b.witnesses {
		if b.news(name) != (etcdschema.NodeSeen{}) {
			b.knowOf(name, b.witnesses[name])
		}
	}
}

func (b *brake) knowOf(name string, w etcdschema.NodeSeen) {
	if b.known == nil {
		b.known = map[string]etcdschema.NodeSeen{}
	}
	b.known[name] = w
}

func isCluster(s string, id uint64) bool {
	return s == fmt.Sprintf("%x", id) || s == fmt.Sprintf("%016x", id) || s == fmt.Sprint(id)
}
