package engine

import (
	"fmt"
	"time"

	"weft/etcdschema"
	"weft/model/desired"
)

// The brake: so many ports, and such a share of all, are not let go at once without an accept.
const (
	brakePorts  = 10
	brakeWindow = 10 * time.Second // what counts as at once
	// brakeQuiet is how long a removal of brakePorts or more waits for more to come.
	brakeQuiet = 500 * time.Millisecond
	// proofGrace is how long a view may differ from its head before that is reported: a change may be under way.
	proofGrace = 2 * time.Second
)

// removal is a number of lasting ports let go at a time.
type removal struct {
	at    time.Time
	ports int
}

// matches says that the view is exactly what its head says.
func (s *sliceState) matches() bool {
	return s.head != nil && s.head.Count == s.digest.Count() && s.head.Digest == s.digest.String()
}

// proves says that what is not in the slice may be removed.
func (s *sliceState) proves() bool { return s.proven && !s.frozen && s.mismatch.IsZero() }

// release lets items leave the slice, if the view proves that they are to go and no brake holds them. again is when to
// ask again if nothing else happens; zero when that is not needed.
func (s *sliceState) release(now time.Time) (changes []itemChange, again time.Time) {
	if !s.synced || s.frozen {
		return nil, time.Time{}
	}
	proven := s.matches()
	s.noteProof(proven, now)
	if len(s.leaving) == 0 {
		s.proven = s.proven || proven
		s.accepted = false
		s.unbrake()
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
		before := s.items[k]
		s.forget(k)
		changes = append(changes, itemChange{k, before, nil})
	}
	if s.accepted {
		s.removed = nil // people know of these: what goes next is judged by itself
	} else {
		s.removed = append(s.removed, removal{now, ports})
	}
	s.proven = s.proven || proven
	s.accepted = false
	s.unbrake()
	return changes, time.Time{}
}

// noteProof remembers since when the view has not matched.
func (s *sliceState) noteProof(proven bool, now time.Time) {
	switch {
	case proven:
		s.mismatch = time.Time{}
	case s.mismatch.IsZero():
		s.mismatch = now
	}
}

// proofDeadline is when a mismatch is no longer a change under way.
func (s *sliceState) proofDeadline(now time.Time) time.Time {
	if d := s.mismatch.Add(proofGrace); !s.mismatch.IsZero() && d.After(now) {
		return d
	}
	return time.Time{}
}

// portsLeaving counts the ports that would go; all of them go with the host item.
func (s *sliceState) portsLeaving() int {
	n := 0
	for k := range s.leaving {
		switch k.Kind {
		case desired.KindPort:
			n++
		case desired.KindHost:
			return len(s.slice.Ports)
		}
	}
	return n
}

// lasting counts the ports among those that leave that were there before the window began. One that came and went
// within it takes nothing from the slice: a busy host is not a mass deletion.
func (s *sliceState) lasting(now time.Time) int {
	n := 0
	for k := range s.leaving {
		if came, fresh := s.fresh[k]; k.Kind == desired.KindPort && (!fresh || now.Sub(came) >= brakeWindow) {
			n++
		}
	}
	return n
}

// mass decides whether what leaves is too much at once: held puts the brake on, again waits for more to come.
func (s *sliceState) mass(now time.Time) (again time.Time, held bool) {
	lately := 0
	kept := s.removed[:0]
	for _, r := range s.removed {
		if now.Sub(r.at) < brakeWindow {
			kept = append(kept, r)
			lately += r.ports
		}
	}
	s.removed = kept
	leaving := s.portsLeaving()
	gone, all := lately+leaving, lately+len(s.slice.Ports)
	if leaving > 0 && gone >= brakePorts && 2*gone >= all {
		s.brake(fmt.Sprintf("%d of %d ports would go at once", gone, all), now)
		return time.Time{}, true
	}
	if quiet := s.lastLeave.Add(brakeQuiet); leaving >= brakePorts && quiet.After(now) {
		return quiet, false
	}
	return time.Time{}, false
}

// brake holds the last good state.
func (s *sliceState) brake(why string, now time.Time) {
	if s.hold == "" {
		s.since = now
	}
	s.hold = why + ": the last good state is held; run `weft host accept`, or restore the slice"
}

func (s *sliceState) unbrake() { s.hold, s.since = "", time.Time{} }

// held says for people why removals wait, empty when they do not.
func (s *sliceState) held(now time.Time) string {
	switch {
	case s.hold != "":
		return s.hold
	case s.head == nil && len(s.items) == 0 && s.digest.Count() == 0:
		return "" // nobody has declared the node yet: there is nothing to hold
	case s.synced && !s.mismatch.IsZero() && now.Sub(s.mismatch) >= proofGrace:
		return "the slice is not what its head says (somebody else edited desired/" + s.node +
			"/): nothing is removed until it is restored, or accepted with `weft host accept`"
	}
	return ""
}

// order takes what people tell the node. Of a snapshot only an accept given after the hold began counts: it may be old.
func (s *sliceState) order(ev etcdschema.Event, snapshot bool, told *orders) {
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
