package engine

import (
	"bytes"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/model/desired"
)

// maxUID bounds the uid of an item. A key with a longer uid is no item.
const maxUID = 128

// configState keeps two things separate: what etcd has (the cache) and what the node applies (the node config). Additions and changes
// in the cache are taken into the node config at once. Removals are taken over when the cache is proven and no hold is in force.
type configState struct {
	node string

	cache  map[desired.Key][]byte // raw values in etcd
	digest etcdschema.SetDigest   // of the cache
	head   *etcdschema.Head

	kinds   desired.Kinds
	applied *desired.NodeConfig
	raw     map[desired.Key][]byte // of the items of the config
	bad     map[desired.Key]string // why the newest value of a key cannot be used

	leaving   map[desired.Key]bool // gone from the cache, still in the node config
	lastLeave time.Time
	removed   []removal // recent removals of ports
	// fresh has the time at which an item was added, for items that were added after the node config was proven (see lasting).
	fresh map[desired.Key]time.Time

	synced   bool // a snapshot of etcd has been taken in
	proven   bool // the node config was at least once exactly what a matching head said
	seen     etcdschema.Seen
	received int64 // revision of the newest batch
	frozen   bool  // etcd went back: nothing is taken over from it
	hold     string
	since    time.Time // of the hold
	mismatch time.Time // since when the cache does not match its head; zero when it does
	accepted bool      // people have accepted what etcd has
}

// itemChange is one item of the node config before and after a change; nil when it did not or does not exist.
type itemChange struct {
	key           desired.Key
	before, after desired.Item
}

// orders are the orders of people in a batch.
type orders struct{ resync bool }

func newConfigState(node string, kinds desired.Kinds) *configState {
	return &configState{node: node, kinds: kinds, cache: map[desired.Key][]byte{}, raw: map[desired.Key][]byte{},
		applied: desired.NewNodeConfig(), bad: map[desired.Key]string{}, leaving: map[desired.Key]bool{},
		fresh: map[desired.Key]time.Time{}}
}

// restore fills the node config from the state file. The cache stays empty until etcd answers.
func (s *configState) restore(saved savedState) {
	for _, it := range saved.Items {
		if c, reason := s.decode(it.key(), []byte(it.Value)); reason == "" {
			s.adopt(it.key(), []byte(it.Value), c)
		}
	}
	s.seen = etcdschema.Seen{ClusterID: saved.ClusterID, Revision: saved.Revision}
	s.applied.Revision = saved.Revision
	s.hold, s.since = saved.Held, saved.HeldSince
}

// take applies a batch to the cache and returns the changes of the node config. Removals wait for release.
func (s *configState) take(b etcdschema.Batch, now time.Time) (changes []itemChange, told orders) {
	first := b.Snapshot && !s.synced
	for _, ev := range b.Events {
		if strings.HasPrefix(ev.Key.String(), etcdschema.NodeOrder(s.node).String()) {
			s.order(ev, b.Snapshot, &told)
			continue
		}
		s.absorb(ev)
	}
	if b.Snapshot {
		s.synced = true
	}
	s.received = b.Revision
	if b.WentBack && s.differs() {
		s.frozen = true
		s.startHold("etcd went back to an older state, or is another cluster", now)
	}
	if s.frozen {
		if s.differs() && !s.accepted {
			return nil, told
		}
		s.frozen = false // the node config is restored, or people accepted what etcd holds now
		first = true
	}
	changes = s.follow(b.Events, first, now)
	s.seen = etcdschema.Seen{ClusterID: b.ClusterID, Revision: b.Revision}
	s.applied.Revision = b.Revision
	return changes, told
}

// absorb applies one event to the cache. Keys that are no items are ignored.
func (s *configState) absorb(ev etcdschema.Event) {
	_, k, head, ok := etcdschema.ParseDesired(ev.Key)
	switch {
	case head && ev.Deleted:
		s.head = nil
		return
	case head:
		h, err := etcdschema.Decode[etcdschema.Head](ev.Value)
		s.head = nil
		if err == nil {
			s.head = &h
		}
		return
	case !ok || len(k.UID) > maxUID:
		return
	}
	key := etcdschema.DesiredKey(s.node, k)
	if old, there := s.cache[k]; there {
		s.digest.Remove(key, old)
		delete(s.cache, k)
	}
	if !ev.Deleted {
		s.cache[k] = ev.Value
		s.digest.Add(key, ev.Value)
	}
}

// follow takes the cache over into the node config: all of it, or only what the events concern.
func (s *configState) follow(events []etcdschema.Event, all bool, now time.Time) []itemChange {
	var changes []itemChange
	if all {
		for k := range s.raw {
			if _, there := s.cache[k]; !there {
				s.leave(k, now)
			}
		}
		for k := range s.cache {
			changes = s.followItem(k, changes, now)
		}
		return changes
	}
	for _, ev := range events {
		if node, k, head, ok := etcdschema.ParseDesired(ev.Key); ok && !head && node == s.node && len(k.UID) <= maxUID {
			changes = s.followItem(k, changes, now)
		}
	}
	return changes
}

// followItem takes one key of the cache over.
func (s *configState) followItem(k desired.Key, changes []itemChange, now time.Time) []itemChange {
	value, there := s.cache[k]
	if _, was := s.bad[k]; was { // the exception must be judged again in any case
		delete(s.bad, k)
		changes = append(changes, itemChange{k, s.applied.Item(k), s.applied.Item(k)})
	}
	if !there {
		s.leave(k, now)
		return changes
	}
	delete(s.leaving, k)
	if old, have := s.raw[k]; have && bytes.Equal(old, value) {
		return changes
	}
	item, reason := s.decode(k, value)
	if reason != "" {
		s.bad[k] = reason
		return append(changes, itemChange{k, s.applied.Item(k), s.applied.Item(k)})
	}
	before := s.applied.Item(k)
	if old := s.applied.Host(); k.Kind == desired.KindHost && old != nil && old.UID != k.UID {
		changes = append(changes, itemChange{old.Key(), old, nil}) // a node has one host item: the newest
		s.forget(old.Key())
	}
	s.adopt(k, value, item)
	if before == nil && s.proven {
		s.fresh[k] = now
	}
	return append(changes, itemChange{k, before, item})
}

// leave records that an item is gone from the cache.
func (s *configState) leave(k desired.Key, now time.Time) {
	if s.applied.Has(k) && !s.leaving[k] {
		s.leaving[k] = true
		s.lastLeave = now
	}
}

// decode reads an item, or says why it cannot be used.
func (s *configState) decode(k desired.Key, value []byte) (desired.Item, string) {
	item, err := s.kinds.Decode(k, value)
	if err != nil {
		return nil, err.Error()
	}
	return item, ""
}

// adopt puts an item into the node config.
func (s *configState) adopt(k desired.Key, value []byte, item desired.Item) {
	s.raw[k] = value
	s.applied.Put(item)
}

// forget takes an item out of the node config.
func (s *configState) forget(k desired.Key) {
	delete(s.raw, k)
	delete(s.leaving, k)
	delete(s.fresh, k)
	s.applied.Remove(k)
}

// differs says that the cache is not the same as the node config.
func (s *configState) differs() bool {
	if len(s.raw) == 0 {
		return false // nothing to lose
	}
	if len(s.raw) != len(s.cache) {
		return true
	}
	for k, v := range s.raw {
		if seen, there := s.cache[k]; !there || !bytes.Equal(seen, v) {
			return true
		}
	}
	return false
}
