package nft

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
	"weft/integration/limits"
)

// TestDoor: every translation of accepted intent has its elements, and every table has its rules. The kernel is told about all of
// them, in attributes that are large enough.
func TestDoor(t *testing.T) {
	t.Parallel()
	limits.Check(t, func(t limits.T, h limits.Host) {
		for _, o := range h.Objects() {
			var err error
			switch o := o.(type) {
			case *object.NATMapping:
				var leads target
				if _, leads, err = targetOf(object.Change{Op: object.Create, Desired: o}); err == nil {
					told(t, o, leads)
				}
			case *object.NATTable:
				var rules ruleSet
				if rules, err = ruleSetOf(ruleKey{o.Role, o.Limits}); err == nil {
					_, err = rules.requests()
				}
				if err == nil {
					err = checkTable(o)
				}
				if err == nil {
					arrives(t, o, slices.Collect(maps.Keys(hostElements(o))))
				}
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, h.Text)
			}
		}
	})
}

// told compares the elements of one mapping with what is read from them.
func told(t limits.T, o *object.NATMapping, leads target) {
	t.Helper()
	elements := []element{leaveElement(o.Floating)}
	if leads.fixed.IsValid() {
		elements = append(elements, floatingElement(o.Floating, leads.fixed), fixedElement(leads.fixed, o.Floating))
	}
	for s, to := range leads.ports {
		e := forwardElement(o.Floating, s, to)
		floating, backS, backTo, ok := readForward(e)
		if !ok || floating != o.Floating || backS != s || backTo != to {
			t.Fatalf("%s: %v to %s is read back as %s, %v to %s", o.Key(), s, to, floating, backS, backTo)
		}
		elements = append(elements, e)
	}
	if back := leads.rates.limits(); back != o.Rates {
		t.Fatalf("%s: limits %+v are read back as %+v", o.Key(), o.Rates, back)
	}
	arrives(t, o, append(elements, leads.rates.elements(o.Floating)...))
}

// arrives parses the requests that add the elements, as the kernel does.
func arrives(t limits.T, o object.Object, elements []element) {
	t.Helper()
	want, have := map[element]bool{}, map[element]bool{}
	for _, e := range elements {
		want[e] = true
	}
	for _, r := range elementRequests(unix.NFT_MSG_NEWSETELEM, elements) {
		set := ""
		var errs []error
		each := func(b []byte, fixed int, fn func(kind uint16, data []byte)) {
			errs = append(errs, netlink.EachAttribute(b, fixed, fn))
		}
		each(r.Message().Data, netlink.NetfilterHeader, func(kind uint16, data []byte) {
			switch kind {
			case unix.NFTA_SET_ELEM_LIST_SET:
				set = netlink.Text(data)
			case unix.NFTA_SET_ELEM_LIST_ELEMENTS:
				each(data, 0, func(_ uint16, data []byte) {
					e := element{set: set}
					each(data, 0, func(kind uint16, data []byte) {
						field := &e.value
						if kind == unix.NFTA_SET_ELEM_FLAGS { // a number: the element ends an interval
							if !bytes.Equal(data, []byte{0, 0, 0, unix.NFT_SET_ELEM_INTERVAL_END}) {
								t.Fatalf("%s: flags % x", o.Key(), data)
							}
							*field = intervalEnd
							return
						}
						if kind == unix.NFTA_SET_ELEM_KEY {
							field = &e.key
						}
						if kind == elementExpressions {
							limits, err := readLimits(kind, data)
							e.value, errs = limits, append(errs, err)
							return
						}
						each(data, 0, func(_ uint16, data []byte) { *field = string(data) })
					})
					have[e] = true
				})
			}
		})
		err := errors.Join(errs...)
		if err != nil {
			t.Fatalf("%s: %v", o.Key(), err)
		}
	}
	if !maps.Equal(have, want) {
		t.Fatalf("%s: %d of %d elements arrive", o.Key(), len(have), len(want))
	}
}
