package protect

import (
	"iter"

	"weft/etcdschema"
	"weft/model"
)

// State is what etcd holds, as far as the replica knows it. The cache of the control plane implements it. What a method returns must
// not be changed.
type State interface {
	// Seen is the cluster, and the revision up to which the state is complete.
	Seen() etcdschema.Seen
	// ModRevision is the mod revision of a key; 0 when etcd does not have it.
	ModRevision(k etcdschema.Key) int64

	// Accepted is the accepted object with the ID; nil when there is none.
	Accepted(id model.ID) *etcdschema.Accepted
	// AcceptedCount is the number of accepted objects.
	AcceptedCount() int
	// Declared says that the object has an intent, valid or not.
	Declared(id model.ID) bool
	// Undeclared are the accepted objects without an intent, in any order.
	Undeclared() iter.Seq[model.ID]
	// UnknownGuests is the number of guests in the node configs whose object is not accepted.
	UnknownGuests() int

	// NodeReport is the summary that a node reports; nil when there is none.
	NodeReport(node string) *etcdschema.NodeReport
	// ReportingNodes is the number of nodes whose summary is there.
	ReportingNodes() int
}
