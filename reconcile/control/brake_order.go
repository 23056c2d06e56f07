package control

import (
	"context"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/model"
)

// An order stays in etcd until it is carried out, whoever is the leader. The leader then deletes its key. Every replica reads it
// and knows what it permits.

const (
	// orderPace is how often the leader checks whether orders are carried out.
	orderPace = time.Second
	// deletionPatience is how long a deletion order waits for objects to be deleted. Objects that still exist then are not
	// permitted any more.
	deletionPatience = 10 * time.Minute
)

// deletion is an order that names objects which may be deleted. They do not count as a mass deletion.
type deletion struct {
	ids   map[model.ID]struct{}
	heard time.Time
}

// hearDeletions reads deletion orders, before the batch is judged.
func (b *brake) hearDeletions(c *Cache, batch etcdschema.Batch, now time.Time) {
	for _, ev := range batch.Events {
		if !etcdschema.IsDeletionOrder(ev.Key) {
			continue
		}
		delete(b.deletions, ev.Key)
		o, err := etcdschema.Decode[etcdschema.Order](ev.Value)
		if ev.Deleted || err != nil {
			continue
		}
		d := &deletion{ids: map[model.ID]struct{}{}, heard: now}
		for _, path := range o.Objects {
			if id, ok := c.parseID(etcdschema.ParseKey("intent/" + path)); ok {
				d.ids[id] = struct{}{}
			}
		}
		if b.deletions == nil {
			b.deletions = map[etcdschema.Key]*deletion{}
		}
		b.deletions[ev.Key] = d
	}
}

// permitted says that people have allowed the deletion of the object.
func (b *brake) permitted(id model.ID) bool {
	if _, ok := b.pardoned[id]; ok {
		return true
	}
	for _, d := range b.deletions {
		if _, ok := d.ids[id]; ok {
			return true
		}
	}
	return false
}

// accept reads the order "accept" after a batch was applied. The order permits the deletion of what is gone at that moment, and
// takes off the brake that was on before it. accept returns true once for each order.
func (b *brake) accept(c *Cache) (heard bool) {
	mod := c.mod(acceptOrder())
	resumed := b.resume != nil && b.resume.Order == mod
	switch {
	case mod == 0:
		b.accepting, b.pardoned = nil, nil
		return false
	case b.accepting != nil && b.accepting.Order == mod: // being carried out
		return false
	case b.on != nil && mod <= b.on.Revision: // the order is older than the brake
		return false
	case b.on == nil && mod <= b.revision && !resumed: // carried out already, by a version that does not delete the order
		return false
	}
	b.accepting = &etcdschema.Accepting{Order: mod, Restored: b.on != nil && b.on.Restored || resumed && b.resume.Restored}
	b.pardoned = map[model.ID]struct{}{}
	for id := range c.accepted {
		if c.intents[id] == nil {
			b.pardoned[id] = struct{}{}
		}
	}
	b.release(c)
	return true
}

// carriedOut lists the orders that have nothing left to permit.
func (b *brake) carriedOut(c *Cache, rebuilding bool, now time.Time) []etcdschema.Key {
	var done []etcdschema.Key
	if c.mod(acceptOrder()) != 0 && !rebuilding && !c.goes(b.pardoned) {
		done = append(done, acceptOrder())
	}
	for k, d := range b.deletions {
		for id := range d.ids {
			if c.intents[id] != nil && now.Sub(d.heard) > deletionPatience || c.intents[id] == nil && c.accepted[id] == nil {
				delete(d.ids, id)
			}
		}
		if len(d.ids) == 0 {
			done = append(done, k)
		}
	}
	return done
}

// goes says that one of the objects is deleted and still accepted.
func (c *Cache) goes(ids map[model.ID]struct{}) bool {
	for id := range ids {
		if c.accepted[id] != nil && c.intents[id] == nil {
			return true
		}
	}
	return false
}

// finishOrders deletes the keys of orders that are carried out.
func (l *loop) finishOrders(ctx context.Context) {
	now := time.Now()
	if !l.working() || !l.announced || now.Sub(l.ordersAt) < orderPace || l.cache.mod(acceptOrder()) == 0 && len(l.brake.deletions) == 0 {
		return
	}
	l.ordersAt = now
	done := l.brake.carriedOut(l.cache, l.rebuild, l.config.Settings.Now())
	if len(done) == 0 {
		return
	}
	t := etcdschema.NewTxn()
	t.Fence(l.lead)
	var names []string
	for _, k := range done[:min(len(done), etcdschema.MaxTxnOps/2)] {
		t.DeleteIf(k, l.cache.mod(k))
		names = append(names, k.String())
	}
	if _, committed, err := l.config.Client.Commit(ctx, t); err != nil || !committed {
		l.log.Warn("cannot delete orders that were carried out, trying again later", "orders", strings.Join(names, " "), "error", err)
		return
	}
	l.log.Info("carried out orders", "orders", strings.Join(names, " "))
}
