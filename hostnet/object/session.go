package object

import (
	"net/netip"
	"time"
)

// Session is a BFD session (RFC 5880) that Open vSwitch itself keeps with another gateway host: two patch ports on the bridge
// whose ends are each other's. Device carries the session: it is live (a member of LoadLive) while the other host is heard.
// What it sends comes out of Wire, and what the other host says goes in there; flows of a set of their own do both.
//
// OVS names a port's liveness by its BFD session, so that flows can decide by it: failing over needs neither Weft nor etcd.
type Session struct {
	OwnerUID      string
	Bridge        string
	Device, Wire  string
	Local, Remote MAC // of the two hosts on the wire
	// Deviations of an observed one: what is not as said above. None are ever desired.
	Deviations []string
}

// SessionInterval is how often each side of a session speaks; it is over after three are missed (RFC 5880 6.8.4; OVS's detection
// multiplier is fixed).
const SessionInterval = 200 * time.Millisecond

// SessionSettle is how long a session that does not come up is waited for before its absence counts: two sides that
// start speak once a second until they have met (RFC 5880 6.8.3), so it takes up to three such packets.
const SessionSettle = 4 * time.Second

// Both sides of a session have the same constant addresses, as OVS wants some: MACs tell sessions apart, and flows may rewrite them
// on the way. The pair is OVS's own default (RFC 3927 addresses), the second being whom it speaks to.
var (
	SessionSource      = netip.AddrFrom4([4]byte{169, 254, 1, 1})
	SessionDestination = netip.AddrFrom4([4]byte{169, 254, 1, 0})
)

// SessionFacts is what the switch says of a session; the zero value is said of what is none.
type SessionFacts struct {
	Known bool
	Up    bool
	// Settled says that it has been up since the switch and the uplinks' carrier came, or has been down for SessionSettle:
	// before that nobody knows whether the other host is there.
	Settled bool
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
	d.field("peer", o.Wire, s.Wire)
	d.field("bfd:bfd_local_src_mac", o.Local, s.Local)
	d.field("bfd:bfd_local_dst_mac", o.Remote, s.Remote)
	d.set("deviations", o.Deviations, s.Deviations)
	return d
}
