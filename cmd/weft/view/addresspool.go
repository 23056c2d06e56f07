package view

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/model"
)

// addressPool is the view of address pools: which hosts' ports they serve, and how full they are. A cell has one number for each family, that of
// IPv4 first.
func addressPool() Kind {
	return Kind{
		Of: model.KindAddressPool,
		Columns: []Column{
			{Header: "NETWORK", Cell: cell(func(s *model.AddressPoolSpec, _ Entry) string { return s.Network })},
			{Header: "GROUPS", Cell: cell(poolGroups)},
			{Header: "PRIORITY", Cell: cell(func(s *model.AddressPoolSpec, _ Entry) string { return strconv.Itoa(s.Priority) })},
			{Header: "SIZE", Cell: counts(func(c *etcdschema.AddressCount) uint64 { return c.Size })},
			{Header: "USED", Cell: counts(func(c *etcdschema.AddressCount) uint64 { return c.Used + c.Excluded })},
			{Header: "FREE", Cell: counts(func(c *etcdschema.AddressCount) uint64 { return c.Free })},
			{Header: "DRAIN", Cell: cell(drain)},
			{Header: "HELD", Wide: counts(func(c *etcdschema.AddressCount) uint64 { return c.Held })},
			{Header: "RANGES", Wide: cell(poolRanges)},
		},
		Facts: addressPoolFacts,
		Gives: func(o model.Object) (model.ID, func(model.Address) bool) {
			s, ok := o.Spec.(*model.AddressPoolSpec)
			if !ok {
				return model.ID{}, nil
			}
			return s.NetworkID(), s.Has
		},
	}
}

// poolGroups are the groups, or "every host".
func poolGroups(s *model.AddressPoolSpec, _ Entry) string {
	switch {
	case s.Network == "": // not known
		return ""
	case len(s.HostGroups) == 0:
		return "every host"
	}
	return strings.Join(s.HostGroups, ",")
}

func drain(s *model.AddressPoolSpec, _ Entry) string {
	if s.Drain {
		return "yes"
	}
	return ""
}

// poolRanges is "10.0.0.10-10.0.0.99,2001:db8::10-2001:db8::ffff".
func poolRanges(s *model.AddressPoolSpec, _ Entry) string {
	list := make([]model.AddressRange, len(s.Ranges))
	for i, r := range s.Ranges {
		list[i] = model.AddressRange{First: r.Start, Last: r.End}
	}
	return join(list)
}

// families are the counts of the status with their names, those of the pool's families only.
func families(e Entry) (names []string, list []*etcdschema.AddressCount) {
	if e.Status.AddressPool == nil {
		return nil, nil
	}
	for _, f := range []struct {
		name  string
		count *etcdschema.AddressCount
	}{{"ipv4", e.Status.AddressPool.IPv4}, {"ipv6", e.Status.AddressPool.IPv6}} {
		if f.count != nil {
			names, list = append(names, f.name), append(list, f.count)
		}
	}
	return names, list
}

// counts is a cell with one of the counts of each family.
func counts(of func(*etcdschema.AddressCount) uint64) func(Entry) string {
	return func(e Entry) string {
		var parts []string
		_, list := families(e)
		for _, c := range list {
			parts = append(parts, amount(of(c)))
		}
		return strings.Join(parts, ",")
	}
}

// amount writes a number of addresses. Very large ones are rounded, because nobody counts the addresses of a /64.
func amount(n uint64) string {
	if n < 1<<32 {
		return strconv.FormatUint(n, 10)
	}
	return "2^" + strings.TrimSuffix(strconv.FormatFloat(math.Log2(float64(n)), 'f', 1, 64), ".0")
}

func addressPoolFacts(e Entry, _ Records, _ time.Time) []Fact {
	var facts []Fact
	if s, ok := e.Object.Spec.(*model.AddressPoolSpec); ok {
		facts = append(facts, Fact{"network", s.Network}, Fact{"serves", poolGroups(s, e)})
	}
	names, list := families(e)
	for i, c := range list {
		text := fmt.Sprintf("%s addresses: %s used, %s held, %s free", amount(c.Size), amount(c.Used), amount(c.Held), amount(c.Free))
		if c.Excluded > 0 {
			text += fmt.Sprintf("; excluded and still used: %s", amount(c.Excluded))
		}
		facts = append(facts, Fact{names[i], text})
	}
	return facts
}
