package protect

import (
	"slices"
	"time"

	"weft/etcdschema"
)

// Hold holds the controllers for the reason, if there is one and they are not held already. restored says that etcd went back: claims are
// then rebuilt before work goes on. begun says that they were not held before.
func (p *Protection) Hold(reason string, restored bool, now time.Time) (begun bool) {
	if begun = reason != "" && p.held == nil; begun {
		p.held = &etcdschema.Hold{
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
	s.Held, s.Accepting = p.held, p.accepting
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
		p.held = s.Held
	}
}

// release ends the hold and remembers the evidence that was known at that moment.
func (p *Protection) release() {
	p.held, p.gone = nil, departures{}
	p.revision = max(p.revision, p.state.Seen().Revision)
	p.acceptWitnesses()
}
