package etcdschema

import (
	"context"
	"slices"
)

// resync lists everything at one revision. It returns the difference to what is known as a batch, whose events are still to be noted.
func (f *Follower) resync(ctx context.Context) (Batch, error) {
	var items []Item
	var head header
	for _, p := range f.config.Prefixes {
		// The first list chooses the revision, the others read at it.
		page, h, err := f.client.list(ctx, f.conn, p, head.revision, f.config.Limit, f.config.Prepare)
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
	f.last = mark{} // the exact revisions of missed deletes are unknown
	if it, ok := newest(items); ok {
		f.last = mark{path: it.Key.path, stamp: f.stamp(it.ModRevision, it.Value)}
	}
	f.seen, f.listed, f.relist = Seen{head.clusterID, head.revision}, true, false
	return batch, nil
}

// newest is the item that was changed last; ok is false when there is none.
func newest(items []Item) (last Item, ok bool) {
	for _, it := range items {
		if it.ModRevision > last.ModRevision && !it.refused {
			last, ok = it, true
		}
	}
	return last, ok
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
	events := make([]Event, 0, len(items))
	first := len(f.known) == 0
	present := map[string]bool{}
	for _, it := range items {
		if !first {
			present[it.Key.path] = true
		}
		if it.refused {
			events = append(events, Event{Item: it, Refused: true})
			continue
		}
		if first || b.WentBack || f.known[it.Key.path] != f.stamp(it.ModRevision, it.Value) {
			events = append(events, Event{Item: it})
		}
	}
	for path := range f.known {
		if !present[path] {
			events = append(events, Event{Item: Item{Key: Key{path}, ModRevision: b.Revision}, Deleted: true})
		}
	}
	return sorted(events)
}

// sorted puts the events of a list in order. It sorts their places, because events are large.
func sorted(events []Event) []Event {
	order := make([]int32, len(events))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return events[a].compare(&events[b]) })
	out := make([]Event, len(events))
	for i, at := range order {
		out[i] = events[at]
	}
	return out
}
