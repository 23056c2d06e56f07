package engine

import (
	"fmt"
	"time"

	"weft/etcdschema"
	"weft/model/desired"
)

// Mass-change protection: when at least this number of ports, and at least half of all, would go at once, their removal needs an accept.
const (
	massPorts  = 10
	massWindow = 10 * time.Second // ports that leave within this time leave "at once"
	// massQuiet is how long a removal of massPorts or more waits for further removals.
	massQuiet = 500 * time.Millisecond
	// proofGrace is how long the node config may differ from its head before this is reported. Until then a change may be in progress.
	proofGrace = 2 * time.Second
)

// removal is a number of lasting ports that were removed from the node config at the same time (see lasting).
type removal struct {
	at    time.Time
	ports int
}

// matches says that the node config is exactly what its head says.
func (s *configState) matches() bool {
	return s.head != nil && s.head.Count == s.digest.Count() && s.head.Digest == s.digest.String()
}

// proves says that objects which nothing in the node config wants may be removed.
func (s *configState) proves() bool { return s.proven && !s.frozen && s.mismatch.IsZero() }

// release removes items from the node config, if the cache proves that they are gone and no hold is in force. again is when to call it
// again if nothing else happens; zero when that is not needed.
func (s *configState) release(now time.Time) (changes []itemChange, again time.Time) {
	if !s.synced || s.frozen {
		return nil, time.Time{}
	}
	proven := s.matches()
	s.noteProof(proven, now)
	if len(s.leaving) == 0 {
		s.proven = s.proven || proven
		s.accepted = false
		s.endHold()
		return nil, s.proofDeadline(now)
	}
	if !s.accepted {
		if s.hold != "" || !proven {
			return nil, s.proofDeadline(now)
		}
		if again, held := s.mass(now); held || !again.IsZero() {
			return nil, again
		}
	}
	ports := s.lasting(now)
	for k := range s.leaving {
		before := s.applied.Item(k)
		s.forget(k)
		changes = append(changes, itemChange{k, before, nil})
	}
	if s.accepted {
		s.removed = nil // people have accepted these: later removals are judged on their own
	} else {
		s.removed = append(s.removed, removal{now, ports})
	}
	s.proven = s.proven || proven
	s.accepted = false
	s.endHold()
	return changes, time.Time{}
}

// noteProof remembers since when the cache has not matched its head.
func (s *configState) noteProof(proven bool, now time.Time) {
	switch {
	case proven:
		s.mismatch = time.Time{}
	case s.mismatch.IsZero():
		s.mismatch = now
	}
}

// proofDeadline is when a mismatch does not count any more as a change in progress.
func (s *configState) proofDeadline(now time.Time) time.Time {
	if d := s.mismatch.Add(proofGrace); !s.mismatch.IsZero() && d.After(now) {
		return d
	}
	return time.Time{}
}

// portsLeaving counts the ports that would be removed. With the host item all of them are.
func (s *configState) portsLeaving() int {
	n := 0
	for k := range s.leaving {
		switch k.Kind {
		case desired.KindPort:
			n++
		case desired.KindHost:
			return s.applied.Count(desired.KindPort)
		}
	}
	return n
}

// lasting counts the ports that leave and that existed before the window began. A port that was added and removed within the window
// takes nothing away, so a busy host is no mass deletion.
func (s *configState) lasting(now time.Time) int {
	n := 0
	for k := range s.leaving {
		if came, fresh := s.fresh[k]; k.Kind == desired.KindPort && (!fresh || now.Sub(came) >= massWindow) {
			n++
		}
	}
	return n
}

// mass decides whether too much leaves at once. held says that a hold has begun. again says when the wait for further removals
// is over.
func (s *configState) mass(now time.Time) (again time.Time, held bool) {
	lately := 0
	kept := s.removed[:0]
	for _, r := range s.removed {
		if now.Sub(r.at) < massWindow {
			kept = append(kept, r)
			lately += r.ports
		}
	}
	s.removed = kept
	leaving := s.portsLeaving()
	gone, all := lately+leaving, lately+s.applied.Count(desired.KindPort)
	if leaving > 0 && gone >= massPorts && 2*gone >= all {
		s.startHold(fmt.Sprintf("%d of %d ports would go at once", gone, all), now)
		return time.Time{}, true
	}
	if quiet := s.lastLeave.Add(massQuiet); leaving >= massPorts && quiet.After(now) {
		return quiet, false
	}
	return time.Time{}, false
}

// startHold begins a hold: the last good state stays.
func (s *configState) startHold(why string, now time.Time) {
	if s.hold == "" {
		s.since = now
	}
	s.hold = why + ": the last good state is held; run `weft host accept`, or restore the node config"
}

func (s *configState) endHold() { s.hold, s.since = "", time.Time{} }

// held says for people why removals wait; empty when they do not.
func (s *configState) held(now time.Time) string {
	switch {
	case s.hold != "":
		return s.hold
	case s.head == nil && len(s.raw) == 0 && s.digest.Count() == 0:
		return "" // the node is not declared yet: there is nothing to hold
	case s.synced && !s.mismatch.IsZero() && now.Sub(s.mismatch) >= proofGrace:
		return "the node config is not what its head says (somebody else edited desired/" + s.node +
			"/): nothing is removed until it is restored, or accepted with `weft host accept`"
	}
	return ""
}

// order handles an order of people to the node. A snapshot may contain old orders. Therefore only an accept that was given after
// the hold began counts in it.
func (s *configState) order(ev etcdschema.Event, snapshot bool, told *orders) {
	if ev.Deleted {
		return
	}
	o, err := etcdschema.Decode[etcdschema.Order](ev.Value)
	if err != nil {
		return
	}
	switch ev.Key {
	case etcdschema.OrderKey(s.node, "accept"):
		if s.hold == "" && s.mismatch.IsZero() && len(s.leaving) == 0 {
			return
		}
		if !snapshot || (!s.since.IsZero() && o.At.After(s.since)) {
			s.accepted = true
		}
	case etcdschema.OrderKey(s.node, "resync"):
		told.resync = told.resync || !snapshot
	}
}
