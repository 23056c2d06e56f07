package protect

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

// AfterApply judges a batch after it was applied to the state. It returns why etcd seems to have gone back or to be another cluster,
// or "".
func (p *Protection) AfterApply(batch etcdschema.Batch) (reason string) {
	p.readReports(batch)
	if batch.WentBack {
		return fmt.Sprintf("etcd went back: it is another cluster, or at a revision before the last one seen (now cluster %x at revision %d)",
			batch.ClusterID, batch.Revision)
	}
	return p.evidence()
}

// readReports reads the reports in a batch that was applied. A report is always written after the revision that it names, and to the
// cluster that it names. A report that contradicts this comes from a later or another history.
func (p *Protection) readReports(batch etcdschema.Batch) {
	for _, ev := range batch.Events {
		if name, _, summary, ok := etcdschema.ParseActual(ev.Key); ok && summary {
			p.readReport(name)
		}
	}
}

func (p *Protection) readReport(name string) {
	var w etcdschema.NodeSeen
	if r := p.state.NodeReport(name); r != nil {
		if r.EtcdRevision > p.state.ModRevision(etcdschema.ActualNode(name)) {
			w.Revision = r.EtcdRevision
		}
		if id := r.ClusterID; id != "" && !isCluster(id, p.state.Seen().ClusterID) {
			w.ClusterID = id
		}
	}
	if w == (etcdschema.NodeSeen{}) {
		delete(p.witnesses, name)
		delete(p.known, name)
		return
	}
	if p.witnesses == nil {
		p.witnesses = map[string]etcdschema.NodeSeen{}
	}
	p.witnesses[name] = w
}

// news is the part of a node's evidence that was not known at the last accept.
func (p *Protection) news(name string) (w etcdschema.NodeSeen) {
	now, known := p.witnesses[name], p.known[name]
	if now.Revision > max(p.revision, known.Revision) {
		w.Revision = now.Revision
	}
	if now.ClusterID != known.ClusterID && !slices.Contains(p.clusters, now.ClusterID) {
		w.ClusterID = now.ClusterID
	}
	return w
}

// evidence says why several nodes make us believe that etcd went back; empty when they do not.
func (p *Protection) evidence() string {
	if len(p.witnesses) == 0 {
		return ""
	}
	var ahead []string
	elsewhere := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(p.witnesses)) {
		w := p.news(name)
		if w.Revision != 0 {
			ahead = append(ahead, name)
		}
		if w.ClusterID != "" {
			elsewhere[w.ClusterID] = append(elsewhere[w.ClusterID], name)
		}
	}
	if need := several(p.state.ReportingNodes()); len(ahead) >= need {
		name := ahead[0]
		return fmt.Sprintf("etcd went back: node %s has seen revision %d, its report stands at %d%s", name,
			p.witnesses[name].Revision, p.state.ModRevision(etcdschema.ActualNode(name)), andMore(len(ahead)-1))
	}
	for _, id := range slices.Sorted(maps.Keys(elsewhere)) {
		if names := elsewhere[id]; len(names) >= several(p.state.ReportingNodes()) {
			return fmt.Sprintf("etcd is another: node %s has reported from cluster %s, this is %x%s", names[0], id,
				p.state.Seen().ClusterID, andMore(len(names)-1))
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

// Unbelieved returns, by node, evidence that is not believed because too few nodes report it.
func (p *Protection) Unbelieved() map[string]string {
	out := map[string]string{}
	for name := range p.witnesses {
		switch w := p.news(name); {
		case w.Revision != 0:
			out[name] = fmt.Sprintf("says that etcd went back, and too few others do: it has seen revision %d, its report stands at %d",
				w.Revision, p.state.ModRevision(etcdschema.ActualNode(name)))
		case w.ClusterID != "":
			out[name] = fmt.Sprintf("says that etcd is another, and too few others do: it has reported from cluster %s, this is %x",
				w.ClusterID, p.state.Seen().ClusterID)
		}
	}
	return out
}

// acceptWitnesses records the evidence of nodes as known. What several nodes report is known for all nodes. What one node reports
// beyond that is known for that node only, so that a false report does not hide real evidence of others.
func (p *Protection) acceptWitnesses() {
	var revisions []int64
	clusters := map[string]int{}
	for _, w := range p.witnesses {
		revisions = append(revisions, w.Revision)
		clusters[w.ClusterID]++
	}
	need := several(p.state.ReportingNodes())
	slices.Sort(revisions)
	if len(revisions) >= need {
		p.revision = max(p.revision, revisions[len(revisions)-need])
	}
	for id, n := range clusters {
		if id != "" && n >= need && !slices.Contains(p.clusters, id) {
			p.clusters = append(p.clusters, id)
		}
	}
	slices.Sort(p.clusters)
	for name := range p.witnesses {
		if p.news(name) != (etcdschema.NodeSeen{}) {
			p.knowOf(name, p.witnesses[name])
		}
	}
}

func (p *Protection) knowOf(name string, w etcdschema.NodeSeen) {
	if p.known == nil {
		p.known = map[string]etcdschema.NodeSeen{}
	}
	p.known[name] = w
}

func isCluster(s string, id uint64) bool {
	return s == fmt.Sprintf("%x", id) || s == fmt.Sprintf("%016x", id) || s == fmt.Sprint(id)
}
