package object

import (
	"net/netip"
	"time"
)

// Session is a BFD session (RFC 5880) that Open vSwitch itself keeps with another gateway host. It is two patch ports on the
// bridge that are each other's peer. Device carries the session. Device is live (as a member of LoadLive) while the other host is
// heard. What the session sends comes out of PeerDevice, and what the other host sends goes into it. A separate set of flows does
// both.
//
// OVS uses the BFD session as a port's liveness, so flows can decide by it. Failover needs neither Weft nor etcd.
type Session struct {
	OwnerUID           string
	Bridge             string
	Device, PeerDevice string
	Local, Remote      MAC // of the two hosts, on the physical network
	// Deviations of an observed session are the differences from that. None are ever desired.
	Deviations []string
}

// SessionInterval is how often each side of a session sends. The session is down after three missed packets (RFC 5880 6.8.4;
// OVS's detection multiplier is fixed).
const SessionInterval = 200 * time.Millisecond

// SessionConvergence is how long to wait for a session before its absence counts. Two sides that start send once a second until they
// have met (RFC 5880 6.8.3), so it takes up to three such packets.
const SessionConvergence = 4 * time.Second

// Both sides of a session have the same constant addresses, because OVS needs some. MACs distinguish sessions, and flows may
// rewrite them on the way. The pair is OVS's own default (RFC 3927 addresses). The second is the one that it sends to.
var (
	SessionSource      = netip.AddrFrom4([4]byte{169, 254, 1, 1})
	SessionDestination = netip.AddrFrom4([4]byte{169, 254, 1, 0})
)

// SessionFacts is what the switch reports of a session. It is zero for anything else.
type SessionFacts struct {
	Known bool
	Up    bool
	// Converged says that the state is meaningful: the session came up after the switch and the uplinks' carrier did, or it was
	// down for SessionConvergence. Before that nobody knows whether the other host is there.
	Converged bool
	// Ups is how often the session has come up since the switch began with it.
	Ups uint64
}

// Key implements Object.
func (s *Session) Key() Key { return Key{KindSession, s.Device} }

// Owner implements Object.
func (s *Session) Owner() string { return s.OwnerUID }

// DependsOn implements Object.
func (s *Session) DependsOn() []Key { return []Key{{KindBridge, s.Bridge}} }

// Diff implements Object.
func (s *Session) Diff(observed Object) []Difference {
	o := observed.(*Session)
	var d differ
	d.field("bridge", o.Bridge, s.Bridge)
	d.field("external_ids:weft-owner", o.OwnerUID, s.OwnerUID)
	d.field("peer", o.PeerDevice, s.PeerDevice)
	d.field("bfd:bfd_local_src_mac", o.Local, s.Local)
	d.field("bfd:bfd_local_dst_mac", o.Remote, s.Remote)
	d.set("deviations", o.Deviations, s.Deviations)
	return d
}
