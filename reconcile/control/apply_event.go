package control

import (
	"bytes"

	"weft/etcdschema"
	"weft/model"
)

// apply takes in one event of etcd and queues what must be evaluated because of it. own has the revisions of our writes whose
// events have not come back. An event up to that revision of such a key is older than our write, or is the write itself, and is
// ignored.
func (p *planner) apply(ev etcdschema.Event, own map[etcdschema.Key]int64) {
	k := ev.Key
	switch area(k) {
	case "event", "election", "live":
		return
	}
	if rev, ours := own[k]; ours && ev.ModRevision <= rev {
		return
	}
	if have := p.cache.entries[k]; have != nil && have.mod > ev.ModRevision && !p.rewound {
		return // the cache has a newer value, read again after a lost race
	}
	var e *entry
	if area(k) == "actual" {
		e = p.admit(ev)
	} else if !ev.Deleted {
		e = &entry{data: ev.Value, mod: ev.ModRevision, born: ev.CreateRevision}
	}
	old := p.cache.set(k, e)
	if old == nil && e == nil {
		return
	}
	switch area(k) {
	case "intent":
		p.intentChanged(k)
	case "accepted":
		p.acceptedChanged(k, old, e)
	case "desired":
		if w := p.doubtful[k]; w == nil || ev.Deleted != (w.data == nil) || !bytes.Equal(w.data, ev.Value) {
			p.foreign[k] = struct{}{}
		}
		for _, u := range repairOf(k) {
			p.queue.add(u)
		}
	case "status":
		p.lookAtStatus(k)
	case "actual":
		p.actualChanged(k, old, e)
	}
}

func (p *planner) intentChanged(k etcdschema.Key) {
	if id, ok := p.cache.parseID(k); ok {
		p.touch(id)
	} else if s, ok := etcdschema.StatusOf(k); ok {
		p.lookAtStatus(s)
	}
}

// acceptedChanged handles an accepted record that somebody else has written. A record that is gone while its intent still exists
// was deleted by mistake. It is written again as it was.
func (p *planner) acceptedChanged(k etcdschema.Key, old, e *entry) {
	id, ok := p.cache.parseID(k)
	if !ok {
		return
	}
	was, _ := entryValue[*etcdschema.Accepted](old)
	now, _ := entryValue[*etcdschema.Accepted](e)
	if in := p.cache.intents[id]; was != nil && now == nil && in != nil && in.born == was.CreateRevision {
		p.lost[id] = was
	}
	p.touch(id)
}

// confirmed reports the claims that a transaction of ours has released. This is done after the commit, so that nobody takes a value whose
// release may still be rolled back.
func (p *planner) confirmed(tx *transaction) {
	for k, w := range tx.writes {
		if area(k) == "claim" && (w.data == nil || w.held) {
			p.cache.freed(k, w.data == nil)
		}
	}
}

func (p *planner) actualChanged(k etcdschema.Key, old, e *entry) {
	name, ok := nodeOfActual(k)
	if !ok {
		return
	}
	if was, is := entryValue[*etcdschema.BucketReport](old); is {
		p.bucketChanged(was)
	}
	if now, is := entryValue[*etcdschema.BucketReport](e); is {
		p.bucketChanged(now)
	}
	now, _ := entryValue[*etcdschema.NodeReport](e)
	if now == nil {
		return
	}
	p.cache.node(name).settleWaiting(p.statusOfUID)
}

func hostID(name string) model.ID {
	return model.ID{Project: model.ClusterProject, Kind: model.KindHost, Name: name}
}

// bucketChanged queues the statuses of items for which a node has or had an exception or a warning. It also queues claims that no
// node reports any more.
func (p *planner) bucketChanged(b *etcdschema.BucketReport) {
	for uid := range b.Exceptions {
		p.statusOfUID(uid)
	}
	for uid := range b.Warnings {
		p.statusOfUID(uid)
	}
	for uid := range b.Gateways {
		p.statusOfUID(uid)
		p.suspect(uid)
	}
	for item, c := range b.Claimed {
		p.suspect(c.OwnerOf(item))
	}
	for uid, port := range b.Ports {
		p.suspect(uid)
		p.suspect(port.Network)
	}
}

// suspect queues the claims of an owner that is not accepted.
func (p *planner) suspect(uid string) {
	if _, known := p.cache.ids[uid]; !known && len(p.cache.owned[uid]) > 0 {
		p.queue.add(unit{kind: unitOrphan, uid: uid})
	}
}

func (p *planner) statusOfUID(uid string) {
	if id, ok := p.cache.ids[uid]; ok {
		p.statusOf(id)
	}
}

// settleWaiting calls done with the uids whose desired revision the node has processed by now.
func (n *node) settleWaiting(done func(uid string)) {
	if len(n.waiting) == 0 {
		return
	}
	for k := range n.waiting {
		e := n.items[k]
		if e != nil && !n.processed(e.mod) {
			continue
		}
		delete(n.waiting, k)
		if e != nil {
			done(k.UID)
		}
	}
	n.waiting = renewed(n.waiting)
}

// entryValue is the decoded record behind an entry.
func entryValue[T any](e *entry) (v T, ok bool) {
	if e == nil {
		return v, false
	}
	v, ok = e.value.(T)
	return v, ok
}
