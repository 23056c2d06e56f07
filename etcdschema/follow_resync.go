package etcdschema

import (
	"context"
	"slices"
)

// resync lists everything at one revision. It returns the difference to what is known as a batch.
func (f *Follower) resync(ctx context.Context) (Batch, error) {
	var items []Item
	var head header
	for _, p := range f.config.Prefixes {
		// The first list chooses the revision, the others read at it.
		page, h, err := f.client.list(ctx, f.conn, p, head.revision, f.config.Limit)
		if err != nil {
			return Batch{}, err
		}
		head = h
		items = append(items, page...)
	}
	batch := Batch{
		Revision:  head.revision,
		ClusterID: head.clusterID,
		Snapshot:  true,
		WentBack:  f.wentBack(head, items),
	}
	batch.Events = f.difference(items, batch)
	for _, e := range batch.Events {
		f.remember(e)
	}
	f.last = mark{} // the exact revisions of missed deletes are unknown
	for _, it := range items {
		if it.ModRevision > f.last.revision && !it.refused {
			f.last = mark{path: it.Key.path, stamp: f.stamp(it.ModRevision, it.Value)}
		}
	}
	f.seen, f.listed, f.relist = Seen{head.clusterID, head.revision}, true, false
	return batch, nil
}

// wentBack compares a list with what was seen. Revisions only grow. A key at or below the last revision seen that does not match
// what is known was not there before. So the history is another one.
func (f *Follower) wentBack(head header, items []Item) bool {
	switch {
	case f.seen == Seen{}:
		return false
	case f.seen.ClusterID != head.clusterID, head.revision < f.seen.Revision:
		return true
	case !f.listed: // only the revision is known from an earlier run, the keys are not
		return false
	}
	return slices.ContainsFunc(items, func(it Item) bool {
		return !it.refused && it.ModRevision <= f.seen.Revision && f.known[it.Key.path] != f.stamp(it.ModRevision, it.Value)
	})
}

// difference makes the events that lead from the known keys to the items. When etcd went back, every item is reported again.
func (f *Follower) difference(items []Item, b Batch) []Event {
	var events []Event
	present := make(map[string]bool, len(items))
	for _, it := range items {
		present[it.Key.path] = true
		if it.refused {
			events = append(events, Event{Item: it, Refused: true})
			continue
		}
		if b.WentBack || f.known[it.Key.path] != f.stamp(it.ModRevision, it.Value) {
			events = append(events, Event{Item: it})
		}
	}
	for path := range f.known {
		if !present[path] {
			events = append(events, Event{Item: Item{Key: Key{path}, ModRevision: b.Revision}, Deleted: true})
		}
	}
	slices.SortFunc(events, byRevision)
	return events
}
