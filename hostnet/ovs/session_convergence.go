package ovs

import (
	"strconv"
	"sync"
	"time"

	"weft/hostnet/object"
	"weft/hostnet/ovsdb"
)

// convergence knows for each BFD session whether its state is meaningful yet. A session that was just made, or whose switch or
// uplink has just come up, is down whether the other host is there or not.
type convergence struct {
	mu       sync.Mutex
	sessions map[string]*sessionState // by device
	bridges  map[string]bool          // the bridges whose flows have been read
	wake     chan struct{}            // has room for one
}

type sessionState struct {
	converged bool
	since     time.Time // since when the switch and the uplink are there; zero if they are not
	// doubted: the switch has restarted, and may not have written yet that the session is down.
	doubted bool
}

func newConvergence() *convergence {
	return &convergence{sessions: map[string]*sessionState{}, bridges: map[string]bool{}, wake: make(chan struct{}, 1)}
}

// base notes that a bridge's flows have been read, and whether any were ours. If there were, the switch has run on, and the
// sessions are as they were. At the first look they then count as converged, because a restart of this program must not close what
// is open. If there were none, the switch has restarted.
func (s *convergence) base(bridge string, flows bool, r *rows) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.bridges[bridge]
	s.bridges[bridge] = true
	if flows && !first {
		return
	}
	for _, p := range r.sessionPorts() {
		if p.bridge.Name == bridge {
			s.sessions[p.port.Name] = &sessionState{converged: flows, doubted: !flows}
		}
	}
	signal(s.wake)
}

// look brings all sessions up to date. It returns the devices whose facts changed, and when to look again. A zero time means: not
// before something changes.
func (s *convergence) look(r *rows, now time.Time) (changed []string, again time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := map[string]bool{}
	for _, p := range r.sessionPorts() {
		there[p.port.Name] = true
		one := s.sessions[p.port.Name]
		if one == nil {
			one = &sessionState{}
			s.sessions[p.port.Name] = one
		}
		before := *one
		one.look(p.iface, r.carrier(p.bridge), now)
		if one.converged != before.converged || one.doubted != before.doubted {
			changed = append(changed, p.port.Name)
		}
		waits := !one.since.IsZero() && (!one.converged || one.doubted)
		if at := one.since.Add(object.SessionConvergence); waits && (again.IsZero() || at.Before(again)) {
			again = at
		}
	}
	for device := range s.sessions {
		if !there[device] {
			delete(s.sessions, device)
		}
	}
	return changed, again
}

func (o *sessionState) look(i *ovsdb.Interface, carrier bool, now time.Time) {
	if !carrier || i.OFPort == nil || *i.OFPort < 1 || len(i.BFDStatus) == 0 {
		o.converged, o.since = false, time.Time{}
		return
	}
	if o.since.IsZero() {
		o.since = now
	}
	up, waited := i.BFDStatus["state"] == "up", now.Sub(o.since) >= object.SessionConvergence
	if !up || waited {
		o.doubted = false
	}
	if up && !o.doubted || waited {
		o.converged = true
	}
}

// facts are what is known of a session. They are the zero value for a port that carries no session.
func (s *convergence) facts(p portRecord) object.SessionFacts {
	if p.session() != p.port.Name {
		return object.SessionFacts{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.sessions[p.port.Name]
	if one == nil {
		return object.SessionFacts{Known: true}
	}
	return object.SessionFacts{Known: true, Converged: one.converged, Up: p.iface.BFDStatus["state"] == "up" && !one.doubted, Ups: ups(p.iface)}
}

// ups is how often a session has come up. OVS counts its changes, beginning with a session that is down (ovs-vswitchd.conf.db(5),
// bfd_status:flap_count).
func ups(i *ovsdb.Interface) uint64 {
	changes, err := strconv.ParseUint(i.BFDStatus["flap_count"], 10, 64)
	if err != nil {
		return 0 // the switch has not written it yet
	}
	return (changes + 1) / 2
}
