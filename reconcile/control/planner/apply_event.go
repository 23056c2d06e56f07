package planner

import (
	"bytes"

	"weft/etcdschema"
	"weft/model/desired"
	"weft/reconcile/control/cache"
)

// Apply takes in one event of etcd and queues what must be evaluated because of it. own has the revisions of our writes whose
// events have not come back. An event up to that revision of such a key is older than our write, or is the write itself, and is
// ignored.
func (p *Planner) Apply(ev etcdschema.Event, own map[etcdschema.Key]int64) {
	k := ev.Key
	old, e := p.take(ev, own)
	if old == nil && e == nil {
		return
	}
	switch cache.Area(k) {
	case "intent":
		p.intentChanged(k)
	case "accepted":
		p.acceptedChanged(k, old, e)
	case "desired":
		if w := p.Doubtful[k]; w == nil || ev.Deleted != (w.Data == nil) || !bytes.Equal(w.Data, ev.Value) {
			p.Foreign[k] = struct{}{}
		}
		p.itemChanged(k)
		for _, u := range repairOf(k) {
			p.Queue.Add(u)
		}
	case "status":
		p.statusChanged(k, e)
	case "actual":
		p.actualChanged(k, old, e)
	}
}

// Absorb is Apply for a replica that does not lead. It queues nothing, because a new leader compares everything.
func (p *Planner) Absorb(ev etcdschema.Event, own map[etcdschema.Key]int64) {
	old, e := p.take(ev, own)
	switch cache.Area(ev.Key) {
	case "accepted":
		p.noteLost(ev.Key, old, e)
	case "actual":
		p.settleWaiting(ev.Key, e, func(string) {})
	}
}

// take takes an event into the cache. It returns what the cache had and has under the key; both are nil when nothing changed.
func (p *Planner) take(ev etcdschema.Event, own map[etcdschema.Key]int64) (old, e *cache.Entry) {
	k := ev.Key
	area := cache.Area(k)
	switch area {
	case "event", "election", "live":
		return nil, nil
	}
	if rev, ours := own[k]; ours && ev.ModRevision <= rev {
		return nil, nil
	}
	if have := p.cache.Entry(k); have != nil && have.ModRevision > ev.ModRevision && !p.Rewound {
		return nil, nil // the cache has a newer value, read again after a lost race
	}
	if area == "actual" {
		e = p.admit(ev)
	} else if !ev.Deleted {
		e = &cache.Entry{Data: ev.Value, ModRevision: ev.ModRevision, CreateRevision: ev.CreateRevision, Value: ev.Prepared()}
	}
	return p.cache.Set(k, e), e
}

// statusChanged queues a status that somebody else has written. One that comes back as this replica has written it is what it must be, or
// is queued already.
func (p *Planner) statusChanged(k etcdschema.Key, e *cache.Entry) {
	data, ok := p.encoded[k]
	delete(p.encoded, k)
	if ok && e != nil && bytes.Equal(data, e.Data) {
		e.Ours = true
		return
	}
	p.LookAtStatus(k)
}

func (p *Planner) intentChanged(k etcdschema.Key) {
	if id, ok := p.cache.ParseID(k); ok {
		p.touch(id)
	} else if s, ok := etcdschema.StatusOf(k); ok {
		p.LookAtStatus(s)
	}
}

// acceptedChanged handles an accepted record that somebody else has written.
func (p *Planner) acceptedChanged(k etcdschema.Key, old, e *cache.Entry) {
	id, ok := p.cache.ParseID(k)
	if !ok {
		return
	}
	p.noteLost(k, old, e)
	was, _ := cache.ValueOf[*etcdschema.Accepted](old)
	now, _ := cache.ValueOf[*etcdschema.Accepted](e)
	if was != nil && now != nil && was.UID != now.UID { // another replica accepted another incarnation
		p.withdrawLater(itemKind(id.Kind), was.UID)
	}
	p.touch(id)
}

// noteLost remembers an accepted record that is gone while its intent still exists. It was deleted by mistake, and is written again as it
// was.
func (p *Planner) noteLost(k etcdschema.Key, old, e *cache.Entry) {
	was, _ := cache.ValueOf[*etcdschema.Accepted](old)
	now, _ := cache.ValueOf[*etcdschema.Accepted](e)
	if was == nil || now != nil {
		return
	}
	id, ok := p.cache.ParseID(k)
	if in := p.cache.Intent(id); ok && in != nil && in.CreateRevision == was.CreateRevision {
		p.lost[id] = was
	}
}

// withdrawLater queues the items of an object that does not exist any more.
func (p *Planner) withdrawLater(of desired.Kind, uid string) {
	key := desired.Key{Kind: of, UID: uid}
	for _, name := range p.cache.PlacedOn(key) {
		p.Queue.Add(cache.ItemWork(name, key))
	}
}

// Confirmed reports the claims that a transaction of ours has released. This is done after the commit, so that nobody takes a value whose
// release may still be rolled back. The statuses of objects whose items it has written are queued, because they have the revisions.
func (p *Planner) Confirmed(tx *cache.Transaction) {
	for k, w := range tx.Writes {
		switch cache.Area(k) {
		case "claim":
			if w.Data == nil || w.Held {
				p.cache.Freed(k, w.Data == nil)
			}
		case "desired":
			p.itemChanged(k)
		}
	}
}

// itemChanged queues the status of the object that an item is of.
func (p *Planner) itemChanged(k etcdschema.Key) {
	_, item, head, ok := etcdschema.ParseDesired(k)
	if !ok || head {
		return
	}
	if id, known := p.cache.ID(item.UID); known && itemKind(id.Kind) == item.Kind {
		p.StatusChanged(id)
	}
}

func (p *Planner) actualChanged(k etcdschema.Key, old, e *cache.Entry) {
	if was, is := cache.ValueOf[*etcdschema.BucketReport](old); is {
		p.bucketChanged(was)
	}
	if now, is := cache.ValueOf[*etcdschema.BucketReport](e); is {
		p.bucketChanged(now)
	}
	p.settleWaiting(k, e, p.statusOfUID)
}

// settleWaiting calls done with the uids that a node has processed according to a summary.
func (p *Planner) settleWaiting(k etcdschema.Key, e *cache.Entry, done func(uid string)) {
	if _, is := cache.ValueOf[*etcdschema.NodeReport](e); !is {
		return
	}
	if name, ok := nodeOfActual(k); ok {
		p.cache.Node(name).SettleWaiting(done)
	}
}

// bucketChanged queues the statuses of items for which a node has or had an exception or a warning. It also queues claims that no
// node reports any more.
func (p *Planner) bucketChanged(b *etcdschema.BucketReport) {
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
func (p *Planner) suspect(uid string) {
	if _, known := p.cache.ID(uid); !known && len(p.cache.Owned(uid)) > 0 {
		p.Queue.Add(cache.OrphanWork(uid))
	}
}

func (p *Planner) statusOfUID(uid string) {
	if id, ok := p.cache.ID(uid); ok {
		p.StatusChanged(id)
	}
}

// admit decides whether a key of actual/ is used, and decodes it. A refused key counts as absent.
func (p *Planner) admit(ev etcdschema.Event) *cache.Entry {
	if ev.Deleted {
		p.Refused.drop(ev.Key)
		return nil
	}
	name, _, _, ok := etcdschema.ParseActual(ev.Key)
	e := &cache.Entry{Data: ev.Value, ModRevision: ev.ModRevision, CreateRevision: ev.CreateRevision}
	switch {
	case !ok:
		p.Refused.add(ev.Key, refusedUnknown)
		return nil
	case ev.Refused || len(ev.Value) > cache.ReportLimit(ev.Key) || p.cache.ReportBytes(name, ev.Key)+len(ev.Value) > cache.MaxReportBytes:
		p.Refused.add(ev.Key, refusedLarge)
		return nil
	}
	if e.Value = ev.Prepared(); e.Value == nil {
		e.Value = cache.DecodeReport(ev.Key, ev.Value)
	}
	if e.Value == nil {
		p.Refused.add(ev.Key, refusedUnreadable)
		return nil
	}
	p.Refused.drop(ev.Key)
	return e
}
