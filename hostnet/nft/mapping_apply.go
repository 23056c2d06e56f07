package nft

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// target is what one floating address shall be translated to. It is empty when the mapping is removed.
type target struct {
	fixed netip.Addr
	ports map[service]netip.AddrPort
	rates floatingRates
}

// targetOf checks a change and returns the target that it leads to.
func targetOf(c object.Change) (floating netip.Addr, t target, err error) {
	if c.Op == object.Delete {
		m, ok := c.Observed.(*object.NATMapping)
		if !ok {
			return floating, t, fmt.Errorf("%s: not a kind of the nft driver", c.Key())
		}
		return m.Floating, t, nil
	}
	m, ok := c.Desired.(*object.NATMapping)
	if !ok {
		return floating, t, fmt.Errorf("%s: not a kind of the nft driver", c.Key())
	}
	switch {
	case !m.Floating.IsValid() || m.Floating.Is4In6() || m.Floating.Zone() != "":
		return floating, t, fmt.Errorf("%s: floating address: expected a plain IPv4 or IPv6 address", m.Key())
	case m.Fixed.IsValid() && m.Fixed.BitLen() != m.Floating.BitLen():
		return floating, t, fmt.Errorf("%s: fixed address %s: expected one of the floating address's family", m.Key(), m.Fixed)
	}
	if err := checkRates(m.Rates); err != nil {
		return floating, t, fmt.Errorf("%s: %w", m.Key(), err)
	}
	ports, err := portsOf(m)
	return m.Floating, target{m.Fixed, ports, floatingRatesOf(m.Rates)}, err
}

// delta is what a set of changes does to the maps, and which connections it ends.
type delta struct {
	remove, add []element
	cuts        []cut
}

// delta compares the targets with the cache. Its size depends on the changes only.
func (v *cache) delta(targets map[netip.Addr]target) delta {
	var d delta
	affected := map[netip.Addr]bool{} // fixed addresses whose way out may change
	for floating, t := range targets {
		v.deltaOne(floating, t, &d)
		affected[v.floating[floating]] = true
		affected[t.fixed] = true
		for _, x := range v.leavesAs[floating] {
			affected[x] = true
		}
	}
	delete(affected, netip.Addr{})
	wanted := map[netip.Addr]netip.Addr{} // fixed → the lowest of the targets that lead to it
	for floating, t := range targets {
		if w := wanted[t.fixed]; !w.IsValid() || floating.Less(w) {
			wanted[t.fixed] = floating
		}
	}
	for x := range affected {
		low := wanted[x]
		for _, f := range v.leadTo[x] {
			if _, changes := targets[f]; !changes {
				if !low.IsValid() || f.Less(low) {
					low = f
				}
				break
			}
		}
		have := v.fixed[x]
		if have == low {
			continue
		}
		if have.IsValid() {
			d.remove = append(d.remove, fixedElement(x, have))
		}
		if low.IsValid() {
			d.add = append(d.add, fixedElement(x, low))
		}
	}
	return d
}

// deltaOne is the part of delta for the maps that lead in.
func (v *cache) deltaOne(floating netip.Addr, t target, d *delta) {
	gone := cut{floating: floating, ports: map[service]netip.AddrPort{}}
	if have := v.floating[floating]; have != t.fixed {
		if have.IsValid() {
			d.remove = append(d.remove, floatingElement(floating, have))
			gone.fixed = have
		}
		if t.fixed.IsValid() {
			d.add = append(d.add, floatingElement(floating, t.fixed))
		}
	}
	switch leads := t.fixed.IsValid() || len(t.ports) > 0; {
	case leads && !v.leave[floating]:
		d.add = append(d.add, leaveElement(floating))
	case !leads && v.leave[floating]:
		d.remove = append(d.remove, leaveElement(floating))
	}
	if have := v.rates[floating]; have != t.rates {
		d.rates(floating, have, t.rates)
	}
	for s, to := range v.forwards[floating] {
		if t.ports[s] != to {
			d.remove = append(d.remove, forwardElement(floating, s, to))
			gone.ports[s] = to
		}
	}
	for s, to := range t.ports {
		if v.forwards[floating][s] != to {
			d.add = append(d.add, forwardElement(floating, s, to))
		}
	}
	if !gone.empty() {
		d.cuts = append(d.cuts, gone)
	}
}

// rates replaces the elements of a floating address's limits that differ. A limit that is replaced begins with a full bucket, and its
// counter goes on.
func (d *delta) rates(floating netip.Addr, have, want floatingRates) {
	was, is := have.elements(floating), want.elements(floating)
	for _, e := range was {
		if !slices.Contains(is, e) {
			d.remove = append(d.remove, e)
		}
	}
	for _, e := range is {
		if !slices.Contains(was, e) {
			d.add = append(d.add, e)
		}
	}
}

// applyMappings brings about all targets in one transaction, or none of them.
func (s *space) applyMappings(ctx context.Context, targets map[netip.Addr]target) error {
	var d delta
	exists, maps := false, true
	s.current(func(v *cache) {
		exists = v.exists
		for _, m := range slices.Concat(mappingSets(), rateSets()) {
			maps = maps && v.sets[m.name] != ""
		}
		if exists && maps {
			d = v.delta(targets)
		}
	})
	if !exists || !maps {
		return s.withoutMaps(targets)
	}
	batch := append(elementRequests(unix.NFT_MSG_DELSETELEM, d.remove), elementRequests(unix.NFT_MSG_NEWSETELEM, d.add)...)
	if err := s.ctl.transact(ctx, 0, batch); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cuts = append(s.cuts, d.cuts...)
	return nil
}

// withoutMaps is the result if the table cannot hold mappings. Targets that shall be removed succeed, because they do not exist.
func (s *space) withoutMaps(targets map[netip.Addr]target) error {
	for _, t := range targets {
		if t.fixed.IsValid() || len(t.ports) > 0 {
			return fmt.Errorf("network namespace %s: there is no table %s of role %q for it", s.name, tableName, object.NATRouter)
		}
	}
	return nil
}

// applyAlone tries each target separately, so that a bad one does not harm the others.
func (s *space) applyAlone(ctx context.Context, targets map[netip.Addr]target) map[netip.Addr]error {
	failed := map[netip.Addr]error{}
	for floating, t := range maps.All(targets) {
		err := s.settle(ctx)
		if err == nil {
			err = s.applyMappings(ctx, map[netip.Addr]target{floating: t})
		}
		if err != nil {
			failed[floating] = err
		}
	}
	return failed
}

// cutPending ends the connections that still have to be cut. A failed cut is tried again with the next batch.
func (s *space) cutPending(namespaces Namespaces) error {
	s.mu.Lock()
	cuts := s.cuts
	s.cuts = nil
	s.mu.Unlock()
	if len(cuts) == 0 {
		return nil
	}
	err := namespaces.Inside(s.name, func() error { return cutConnections(cuts) })
	if err == nil || isGone(err) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cuts = append(cuts, s.cuts...)
	return err
}
