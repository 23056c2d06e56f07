// Package protect is mass-change protection. It stops the control plane when very many objects disappear at once, and when etcd has
// gone back to an older state. While it holds the controllers, they write nothing and free no claim, until people accept what happened.
//
// A Protection judges every batch of events twice: before it is applied to the cache (BeforeApply) and after that (AfterApply). It also
// judges the whole cache when a leadership begins (TakeOver). The caller passes the reason that it finds to Hold, and asks Accept whether
// people have accepted it.
package protect

import (
	"slices"
	"time"

	"weft/etcdschema"
	"weft/model"
)

// Protection looks for what may be a disaster in etcd. Make it with New. It is not safe for concurrent use: the goroutine that owns the
// state owns it too. Its state lasts across leaderships, and every replica has it, because any of them may be the next leader.
type Protection struct {
	state State
	kinds model.Kinds

	// held says why nothing is written. It is nil while work goes on.
	held *etcdschema.Brake
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
func (p *Protection) Held() *etcdschema.Brake { return p.held }

// Hold holds the controllers for the reason, if there is one and they are not held already. restored says that etcd went back: claims are
// then rebuilt before work goes on. begun says that they were not held before.
func (p *Protection) Hold(reason string, restored bool, now time.Time) (begun bool) {
	if begun = reason != "" && p.held == nil; begun {
		p.held = &etcdschema.Brake{
			Reason: reason, Since: now.UTC().Truncate(time.Second), Revision: p.state.Seen().Revision, Restored: restored,
		}
	}
	if restored && p.held != nil && !p.held.Restored {
		held := *p.held
		held.Restored = true
		p.held = &held
	}
	return begun
}

// BeforeApply judges a batch before anything of it is applied to the state. It also reads the orders and the controllers' status in the
// batch. own has, by key, the revision of the replica's own last write, whose event counts for nothing. BeforeApply returns why the
// controllers must be held, or "".
func (p *Protection) BeforeApply(batch etcdschema.Batch, own map[etcdschema.Key]int64, now time.Time) (reason string) {
	p.readStatus(batch)
	p.readDeletions(batch, now)
	if batch.WentBack {
		return ""
	}
	return p.watch(batch, own, now)
}

// WriteStatus fills in what the next leader must know.
func (p *Protection) WriteStatus(s *etcdschema.ControlStatus) {
	s.Brake, s.Accepting = p.held, p.accepting
	s.AcceptedRevision, s.AcceptedClusters, s.AcceptedNodes = p.revision, p.clusters, p.known
}

// readStatus looks in a batch for what a leader wrote with WriteStatus.
func (p *Protection) readStatus(batch etcdschema.Batch) {
	for _, ev := range batch.Events {
		if ev.Key != etcdschema.ControlStatusKey() || ev.Deleted {
			continue
		}
		if s, err := etcdschema.Decode[etcdschema.ControlStatus](ev.Value); err == nil {
			p.learn(&s)
		}
	}
}

// learn takes over what an earlier leader wrote. If it held the controllers, they stay held until a later order "accept".
func (p *Protection) learn(s *etcdschema.ControlStatus) {
	p.revision = max(p.revision, s.AcceptedRevision)
	for _, id := range s.AcceptedClusters {
		if !slices.Contains(p.clusters, id) {
			p.clusters = append(p.clusters, id)
		}
	}
	for name, w := range s.AcceptedNodes {
		p.knowOf(name, w)
	}
	p.resume = s.Accepting
	if p.held == nil {
		p.held = s.Brake
	}
}

// release ends the hold and remembers the evidence that was known at that moment.
func (p *Protection) release() {
	p.held, p.gone = nil, departures{}
	p.revision = max(p.revision, p.state.Seen().Revision)
	p.acceptWitnesses()
}
