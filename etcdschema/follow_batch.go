package etcdschema

import (
	"context"
	"time"
)

// Batch is what a follower learns at once.
type Batch struct {
	Revision  int64  // everything up to here is included, for all prefixes
	ClusterID uint64 // of the etcd it came from
	// Snapshot marks the first batch, and each after a new list: Events hold the puts that bring the follower up to
	// date and the deletes it missed.
	Snapshot bool
	// WentBack says that etcd is not the one seen before, or lost revisions that were seen (it was restored).
	WentBack bool
	// Events of whole revisions, in order of revision and key; none when only Revision advanced.
	Events []Event
}

// Event is one change of a key. Of a deleted key only Key and ModRevision are set.
type Event struct {
	Item
	Deleted bool
	// Refused says that the key holds more than FollowerConfig.Limit allows: Value is nil. Such keys are told again by
	// every snapshot, and their deletion is not made up.
	Refused bool
}

// Follow is NewFollower(prefixes…).Run, for callers that need no more.
func (c *Client) Follow(ctx context.Context, prefixes []Prefix, fn func(Batch) error) error {
	return c.NewFollower(FollowerConfig{Prefixes: prefixes}).Run(ctx, fn)
}

// FollowerConfig says what to follow.
type FollowerConfig struct {
	Prefixes []Prefix
	// Seen is what an earlier run remembered (on disk); the zero value means nothing.
	Seen Seen
	// Limit is the largest value, in bytes, that is wanted of a key; negative for keys that are not wanted at all. What is
	// larger is kept nowhere: neither value nor, beyond the event that tells of it, key. Nil wants everything.
	Limit func(Key) int
	// ProgressInterval is how often an idle follower asks etcd for its revision; DefaultProgressInterval when 0.
	ProgressInterval time.Duration
}

// Seen is the etcd and the revision a follower has seen. Of a Batch: Seen{b.ClusterID, b.Revision}.
type Seen struct {
	ClusterID uint64
	Revision  int64
}

// DefaultProgressInterval is how often an idle follower asks for etcd's revision.
const DefaultProgressInterval = 2 * time.Second
