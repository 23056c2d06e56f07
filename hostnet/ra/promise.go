package ra

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"weft/hostnet/object"
)

// maxPromises bounds what is remembered of one port. It is enough for many changes of a network with as much as can be declared.
// The oldest are dropped first.
const maxPromises = 512

// speaker is who an advertisement comes from. Guests identify it by its link-local address.
type speaker struct {
	mac object.MAC // of one of ours
	// router is the link-local address of a router that is not ours. Its MAC is unknown, and guests ask for it.
	router netip.Addr
}

func ours(mac object.MAC) speaker { return speaker{mac: mac} }

// address is the link-local address.
func (s speaker) address() netip.Addr {
	if s.router.IsValid() {
		return s.router
	}
	return s.mac.LinkLocal()
}

// MarshalText implements encoding.TextMarshaler: the MAC of one of ours, the address of another.
func (s speaker) MarshalText() ([]byte, error) {
	if s.router.IsValid() {
		return s.router.MarshalText()
	}
	return []byte(s.mac.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *speaker) UnmarshalText(text []byte) error {
	if a, err := netip.ParseAddr(string(text)); err == nil {
		if !a.Is6() || !a.IsLinkLocalUnicast() || a.Zone() != "" {
			return fmt.Errorf("%s: not a link-local IPv6 address", text)
		}
		*s = speaker{router: a}
		return nil
	}
	mac, err := net.ParseMAC(string(text))
	if err != nil {
		return err
	}
	if len(mac) != len(s.mac) {
		return fmt.Errorf("%s: not an Ethernet address", text)
	}
	*s = ours(object.MAC(mac))
	return nil
}

// fact is one thing that a guest learns from an advertisement and keeps for a lifetime. The zero value means that the speaker is
// a default router.
type fact struct {
	Prefix netip.Prefix `json:"prefix,omitzero"`
	DNS    netip.Addr   `json:"dns,omitzero"`
	Domain string       `json:"domain,omitempty"`
}

// router says that the fact is about the speaker itself. The same fact from another speaker is a different one.
func (f fact) router() bool { return f == fact{} }

// promise is a fact that a guest was told and may still believe.
type promise struct {
	Source speaker `json:"source"`
	fact
	// Until is when the guest forgets the fact by itself. It is zero while the fact is repeated.
	Until time.Time `json:"until,omitzero"`
}

// statement is what a port is told now: by which speaker, which facts, and for how long a guest believes them.
type statement struct {
	source   speaker
	facts    []fact
	lifetime time.Duration
}

// holds says that an older promise is still true.
func (s statement) holds(p promise) bool {
	return slices.Contains(s.facts, p.fact) && (!p.router() || p.Source == s.source)
}

// renew is what the guest may believe after the statement, if it believed old before.
func (s statement) renew(old []promise, now time.Time) []promise {
	var out []promise
	for _, f := range s.facts {
		out = append(out, promise{Source: s.source, fact: f})
	}
	told := len(out) // among the old ones, what was told last comes first
	for _, p := range old {
		if p.Source == s.source && slices.Contains(s.facts, p.fact) {
			continue
		}
		if p.Until.IsZero() {
			p.Until = now.Add(s.lifetime).UTC().Truncate(time.Second)
		}
		if now.Before(p.Until) {
			out = append(out, p)
		}
	}
	return out[:min(len(out), max(told, maxPromises))]
}

// withdrawal is what one speaker has to withdraw.
type withdrawal struct {
	source speaker
	facts  []fact
}

// withdraw lists the promises that are not true any more, by the speaker who told them, and until when a guest may believe them.
// A fact that another speaker tells too is not withdrawn, because hosts keep each prefix and DNS server once, whoever told it.
func (s statement) withdraw(promises []promise) (list []withdrawal, until time.Time) {
	for _, p := range promises {
		if p.Until.IsZero() || s.holds(p) {
			continue
		}
		if p.Until.After(until) {
			until = p.Until
		}
		i := slices.IndexFunc(list, func(w withdrawal) bool { return w.source == p.Source })
		if i < 0 {
			i, list = len(list), append(list, withdrawal{source: p.Source})
		}
		list[i].facts = append(list[i].facts, p.fact)
	}
	return list, until
}
