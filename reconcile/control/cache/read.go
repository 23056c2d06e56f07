package cache

// Read names one thing that a work item has looked at, whether it existed or not: a key or a group. A group changes only when
// what matters about its members changes.
type Read struct {
	Of   Source
	Name string
	node string // of groups on a node
	Part int    // of groups that are divided into parts
}

// Source is the kind of thing that was read. Kinds have sources of their own, for their groups and indexes.
type Source string

// The sources that do not depend on kinds.
const (
	readEntry      Source = "entry"     // a key of etcd
	readUID        Source = "uid"       // a uid → which accepted object has it
	readFree       Source = "free"      // a claim of another owner, or an exhausted space → whether a value is available
	groupFeatures  Source = "features"  // node → the features of its weftd
	groupAccepted  Source = "accepted"  // an object → what matters to others about its accepted state
	groupDeclared  Source = "declared"  // an object → whether there is an intent of it
	groupUsers     Source = "users"     // an object → which accepted ones refer to it
	groupOwned     Source = "owned"     // uid → the claims that it owns
	groupActivated Source = "activated" // a port's uid → the migration whose guest has arrived
)
