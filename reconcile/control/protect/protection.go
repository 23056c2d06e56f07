// Package protect is mass-change protection. It stops the control plane when very many objects disappear at once, and when etcd has
// gone back to an older state. While it holds the controllers, they write nothing and free no claim, until people accept what happened.
//
// A Protection judges every batch of events twice: before it is applied to the cache (BeforeApply) and after that (AfterApply). It also
// judges the whole cache when a leadership begins (TakeOver). The caller passes the reason that it finds to Hold, and asks Accept whether
// people have accepted it.
package protect

import (
	"weft/etcdschema"
	"weft/model"
)

// Protection looks for what may be a disaster in etcd. Make it with New. It is not safe for concurrent use: the goroutine that owns the
// state owns it too. Its state lasts across leaderships, and every replica has it, because any of them may be the next leader.
type Protection struct {
	state State
	kinds model.Kinds

	// held says why nothing is written. It is nil while work goes on.
	held *etcdschema.Hold
	// came has the objects that were declared within the window. An object that is created and deleted within the window takes
	// nothing from what existed before. It counts only together with objects that are deleted in the same batch. The deleted ones
	// are in gone.
	came recent
	gone departures

	// The accept that is being carried out, the one that the last leader was carrying out, what the accept permits, and the
	// announced deletions.
	accepting, resume *etcdschema.Accepting
	pardoned          map[model.ID]struct{}
	deletions         map[etcdschema.Key]*deletion

	// Evidence that people knew when they accepted: for all nodes, and for single nodes.
	revision int64
	clusters []string
	known    map[string]etcdschema.NodeSeen
	// witnesses are the nodes whose reports come from another history than etcd's, with what they have seen of it.
	witnesses map[string]etcdschema.NodeSeen
}

// New makes the protection of what the state has. It reads objects of these kinds out of keys. Whoever changes the accepted objects of
// the state must call AcceptedChanged.
func New(state State, kinds model.Kinds) *Protection { return &Protection{state: state, kinds: kinds} }

// Held says why nothing is written; nil while work goes on. The caller must not change it. Protection does not change it either, so it
// may be read by other goroutines.
func (p *Protection) Held() *etcdschema.Hold { return p.held }
