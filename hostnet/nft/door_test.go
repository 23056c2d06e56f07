package nft

import (
	"maps"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

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
	arrives(t, o, elements)
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
		err := parseAttributes(r.append(nil, 1)[unix.NLMSG_HDRLEN+sizeofNfgenmsg:], func(kind uint16, data []byte) error {
			switch kind {
			case unix.NFTA_SET_ELEM_LIST_SET:
				set = readText(data)
			case unix.NFTA_SET_ELEM_LIST_ELEMENTS:
				return parseAttributes(data, func(_ uint16, data []byte) error {
					e := element{set: set}
					err := parseAttributes(data, func(kind uint16, data []byte) error {
						field := &e.value
						if kind == unix.NFTA_SET_ELEM_KEY {
							field = &e.key
						}
						return parseAttributes(data, func(_ uint16, data []byte) error { *field = string(data); return nil })
					})
					have[e] = true
					return err
				})
			}
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", o.Key(), err)
		}
	}
	if !maps.Equal(have, want) {
		t.Fatalf("%s: %d of %d elements arrive", o.Key(), len(have), len(want))
	}
}
