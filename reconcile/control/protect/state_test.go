package protect

import (
	"iter"

	"weft/etcdschema"
	"weft/model"
)

// region is a State that a test changes.
type region struct {
	seen     etcdschema.Seen
	mods     map[etcdschema.Key]int64
	accepted map[model.ID]*etcdschema.Accepted
	declared map[model.ID]bool
	guests   int
	reports  map[string]*etcdschema.NodeReport
	replicas []*Protection // they hear of what is accepted
}

func newRegion() *region {
	return &region{
		mods: map[etcdschema.Key]int64{}, accepted: map[model.ID]*etcdschema.Accepted{}, declared: map[model.ID]bool{},
		reports: map[string]*etcdschema.NodeReport{},
	}
}

// replica is the protection of one more replica.
func (r *region) replica() *Protection {
	p := New(r, model.AllKinds())
	r.replicas = append(r.replicas, p)
	return p
}

// accept makes an object accepted, or removes it.
func (r *region) accept(id model.ID, accepted bool) {
	tell := func(is bool) {
		for _, p := range r.replicas {
			p.AcceptedChanged(id, is)
		}
	}
	if r.accepted[id] != nil {
		delete(r.accepted, id)
		tell(false)
	}
	if accepted {
		r.accepted[id] = &etcdschema.Accepted{UID: id.Name}
		tell(true)
	}
}

// declare makes an intent, or removes it.
func (r *region) declare(id model.ID, declared bool) {
	if declared {
		r.declared[id] = true
	} else {
		delete(r.declared, id)
	}
}

func (r *region) Seen() etcdschema.Seen                         { return r.seen }
func (r *region) ModRevision(k etcdschema.Key) int64            { return r.mods[k] }
func (r *region) Accepted(id model.ID) *etcdschema.Accepted     { return r.accepted[id] }
func (r *region) AcceptedCount() int                            { return len(r.accepted) }
func (r *region) Declared(id model.ID) bool                     { return r.declared[id] }
func (r *region) UnknownGuests() int                            { return r.guests }
func (r *region) NodeReport(node string) *etcdschema.NodeReport { return r.reports[node] }
func (r *region) ReportingNodes() int                           { return len(r.reports) }

func (r *region) Undeclared() iter.Seq[model.ID] {
	return func(yield func(model.ID) bool) {
		for id := range r.accepted {
			if !r.declared[id] && !yield(id) {
				return
			}
		}
	}
}

func port(name string) model.ID { return model.ID{Project: "alpha", Kind: model.KindPort, Name: name} }
