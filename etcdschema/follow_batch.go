package etcdschema

import (
	"context"
	"time"
)

// Batch is one set of changes that a follower reports together.
type Batch struct {
	Revision  int64  // the batch includes everything up to this revision, for all prefixes
	ClusterID uint64 // of the etcd it came from
	// Snapshot marks the first batch, and each batch after a new list. Events then hold the puts that bring the follower up to
	// date, and the deletes that it missed.
	Snapshot bool
	// WentBack says that etcd was restored: it is another cluster than before, or it lost revisions that were seen.
	WentBack bool
	// Events of whole revisions, in order of revision and key. There are none when only Revision advanced.
	Events []Event
}

// Event is one change of a key. For a deleted key only Key and ModRevision are set.
type Event struct {
	Item
	Deleted bool
	// Refused says that the value is larger than FollowerConfig.Limit allows; Value is nil. Every snapshot reports such keys again.
	// Their deletion during an interruption is not reported.
	Refused bool
}

// Follow is NewFollower(prefixes…).Run, for callers that need nothing else.
func (c *Client) Follow(ctx context.Context, prefixes []Prefix, fn func(Batch) error) error {
	return c.NewFollower(FollowerConfig{Prefixes: prefixes}).Run(ctx, fn)
}

// FollowerConfig says what to follow.
type FollowerConfig struct {
	Prefixes []Prefix
	// Seen is what an earlier run has seen and kept on disk. The zero value means nothing.
	Seen Seen
	// Limit is the largest wanted value of a key, in bytes. It is negative for keys that are not wanted at all. Nothing of a larger
	// value is kept, except the event that reports its key. Nil accepts everything.
	Limit func(Key) int
	// Prepare makes of an item what its owner needs (a decoded record). It is called for the items of a list while the list is still being
	// read, from several goroutines, and not for later events. Item.Prepared has the result. It may be nil.
	Prepare func(Item) any
	// ProgressInterval is how often an idle follower asks etcd for its revision; DefaultProgressInterval when 0.
	ProgressInterval time.Duration
}

// Seen is the cluster and the revision that a follower has seen. For a Batch it is Seen{b.ClusterID, b.Revision}.
type Seen struct {
	ClusterID uint64
	Revision  int64
}

// DefaultProgressInterval is how often an idle follower asks for etcd's revision.
const DefaultProgressInterval = 2 * time.Second
