package etcdschema

import (
	"context"
	"slices"
)

// resync lists everything at one revision and turns the difference from what is known into a batch.
func (f *Follower) resync(ctx context.Context) (Batch, error) {
	var items []Item
	var head header
	for _, p := range f.config.Prefixes {
		// The first list chooses the revision, the others read at it.
		page, h, err := f.client.list(ctx, f.conn, p, head.revision)
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
		Events:    f.difference(head.revision, items),
	}
	f.seen = Seen{head.clusterID, head.revision}
	return batch, nil
}

// wentBack compares a list with what was seen. Revisions only grow: a key below the revision seen then that is not
// known now was not there before, so the history is another.
func (f *Follower) wentBack(head header, items []Item) bool {
	switch {
	case f.seen == Seen{}:
		return false
	case f.seen.ClusterID != head.clusterID, head.revision < f.seen.Revision:
		return true
	case len(f.known) == 0: // what was seen is remembered from an earlier run, the keys are not
		return false
	}
	for _, it := range items {
		if it.ModRevision <= f.seen.Revision && f.known[it.Key.path] != it.ModRevision {
			return true
		}
	}
	return false
}

// difference makes the events that lead from the known keys to the items, and remembers the items.
func (f *Follower) difference(revision int64, items []Item) []Event {
	var events []Event
	fresh := make(map[string]int64, len(items))
	for _, it := range items {
		fresh[it.Key.path] = it.ModRevision
		if f.known[it.Key.path] != it.ModRevision {
			events = append(events, Event{Item: it})
		}
	}
	for path := range f.known {
		if _, ok := fresh[path]; !ok {
			events = append(events, Event{Item: Item{Key: Key{path}, ModRevision: revision}, Deleted: true})
		}
	}
	f.known = fresh
	slices.SortFunc(events, byRevision)
	return events
}
