package control

import "weft/etcdschema"

// ownWrites has, by key, the revisions of our writes whose events have not come back. The zero value is empty.
type ownWrites struct {
	revisions map[etcdschema.Key]int64
	order     []ownWrite // by revision
}

type ownWrite struct {
	key      etcdschema.Key
	revision int64
}

// note remembers a write. Revisions only grow.
func (o *ownWrites) note(k etcdschema.Key, revision int64) {
	if o.revisions == nil {
		o.revisions = map[etcdschema.Key]int64{}
	}
	o.revisions[k] = revision
	o.order = append(o.order, ownWrite{k, revision})
}

// forget makes the next event of the key count as news.
func (o *ownWrites) forget(k etcdschema.Key) { delete(o.revisions, k) }

// seen drops the writes whose events have come back. It does not look at the others.
func (o *ownWrites) seen(revision int64) {
	for len(o.order) > 0 && o.order[0].revision <= revision {
		w := o.order[0]
		o.order = o.order[1:]
		if o.revisions[w.key] == w.revision {
			delete(o.revisions, w.key)
		}
	}
	if len(o.order) == 0 {
		*o = ownWrites{}
	}
}
