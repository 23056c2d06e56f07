package nft

import (
	"maps"
	"net/netip"
	"slices"

	"weft/hostnet/object"
)

// cache is the content of a namespace's table at one generation of the kernel.
type cache struct {
	generation uint32
	exists     bool
	comment    string            // of the table
	digest     string            // of the structure: chains, sets, rules
	sets       map[string]string // the sets that exist, and the attributes of each
	small      map[element]bool  // the elements of hostSets

	floating map[netip.Addr]netip.Addr                 // floating → fixed
	fixed    map[netip.Addr]netip.Addr                 // fixed → floating
	forwards map[netip.Addr]map[service]netip.AddrPort // floating → …
	leave    map[netip.Addr]bool                       // floating addresses that packets may leave as
	rates    map[netip.Addr]floatingRates              // floating → its limits
	// The reverse maps, each list in order: all floating addresses that lead to a fixed one, and all fixed addresses that leave as
	// a floating one.
	leadTo   map[netip.Addr][]netip.Addr
	leavesAs map[netip.Addr][]netip.Addr
}

func newCache() *cache {
	return &cache{
		sets: map[string]string{}, small: map[element]bool{},
		floating: map[netip.Addr]netip.Addr{}, fixed: map[netip.Addr]netip.Addr{},
		forwards: map[netip.Addr]map[service]netip.AddrPort{}, leave: map[netip.Addr]bool{}, rates: map[netip.Addr]floatingRates{},
		leadTo: map[netip.Addr][]netip.Addr{}, leavesAs: map[netip.Addr][]netip.Addr{},
	}
}

// touched collects which objects a change of the cache may have changed for an observer.
type touched struct {
	table    bool
	mappings map[netip.Addr]bool // by floating address
}

func newTouched() *touched { return &touched{mappings: map[netip.Addr]bool{}} }

func (t *touched) mapping(addresses ...netip.Addr) {
	for _, a := range addresses {
		if a.IsValid() {
			t.mappings[a] = true
		}
	}
}

func (t *touched) empty() bool { return !t.table && len(t.mappings) == 0 }

// put adds or removes an element. If that changed something, it notes which objects are concerned.
func (v *cache) put(e element, present bool, t *touched) {
	switch e.set {
	case "floating4", "floating6":
		v.putFloating(readAddress(e.key), readAddress(e.value), present, t)
	case "fixed4", "fixed6":
		v.putFixed(readAddress(e.key), readAddress(e.value), present, t)
	case "forward4", "forward6":
		v.putForward(e, present, t)
	case "leave4", "leave6":
		v.putLeave(readAddress(e.key), present, t)
	case ingress.rateSet("4"), ingress.rateSet("6"), ingress.overSet("4"), ingress.overSet("6"):
		v.putRate(0, e, present, t)
	case egress.rateSet("4"), egress.rateSet("6"), egress.overSet("4"), egress.overSet("6"):
		v.putRate(1, e, present, t)
	case setOutside, setRouted, setSeal, "source4", "source6", "management4", "management6",
		ingress.rateSet(""), ingress.overSet(""), egress.rateSet(""), egress.overSet(""):
		if v.small[e] == present {
			return
		}
		t.table = true
		if present {
			v.small[e] = true
		} else {
			delete(v.small, e)
		}
	}
}

func (v *cache) putFloating(floating, fixed netip.Addr, present bool, t *touched) {
	old := v.floating[floating]
	if !floating.IsValid() || present && old == fixed || !present && !old.IsValid() {
		return
	}
	t.mapping(floating, v.lowest(old), v.lowest(fixed), v.fixed[old], v.fixed[fixed])
	unlink(v.leadTo, old, floating)
	delete(v.floating, floating)
	if present && fixed.IsValid() {
		v.floating[floating] = fixed
		link(v.leadTo, fixed, floating)
	}
	t.mapping(v.lowest(old), v.lowest(fixed))
}

func (v *cache) putFixed(fixed, floating netip.Addr, present bool, t *touched) {
	old := v.fixed[fixed]
	if !fixed.IsValid() || present && old == floating || !present && !old.IsValid() {
		return
	}
	t.mapping(old, floating, v.lowest(fixed))
	unlink(v.leavesAs, old, fixed)
	delete(v.fixed, fixed)
	if present && floating.IsValid() {
		v.fixed[fixed] = floating
		link(v.leavesAs, floating, fixed)
	}
}

func (v *cache) putForward(e element, present bool, t *touched) {
	floating, s, to, ok := readForward(e)
	if !ok {
		return
	}
	have := v.forwards[floating]
	if present {
		if have == nil {
			have = map[service]netip.AddrPort{}
			v.forwards[floating] = have
		}
		if have[s] != to {
			have[s] = to
			t.mapping(floating)
		}
		return
	}
	if _, there := have[s]; there {
		delete(have, s)
		t.mapping(floating)
	}
	if len(have) == 0 {
		delete(v.forwards, floating)
	}
}

func (v *cache) putLeave(floating netip.Addr, present bool, t *touched) {
	if !floating.IsValid() || v.leave[floating] == present {
		return
	}
	t.mapping(floating)
	if present {
		v.leave[floating] = true
	} else {
		delete(v.leave, floating)
	}
}

// putRate adds or removes an element of a limit in the direction with the number.
func (v *cache) putRate(number int, e element, present bool, t *touched) {
	floating := readAddress(e.key)
	if !floating.IsValid() {
		return
	}
	r := v.rates[floating]
	switch one := &r[number]; {
	case isOver(e.set):
		one.over = present
	case present:
		one.value = e.value
	default:
		one.value = ""
	}
	if r == v.rates[floating] {
		return
	}
	t.mapping(floating)
	if v.rates[floating] = r; r == (floatingRates{}) {
		delete(v.rates, floating)
	}
}

func link(index map[netip.Addr][]netip.Addr, from, to netip.Addr) {
	list := index[from]
	if at, there := slices.BinarySearchFunc(list, to, netip.Addr.Compare); !there {
		index[from] = slices.Insert(list, at, to)
	}
}

func unlink(index map[netip.Addr][]netip.Addr, from, to netip.Addr) {
	list := index[from]
	at, there := slices.BinarySearchFunc(list, to, netip.Addr.Compare)
	switch {
	case !there:
	case len(list) == 1:
		delete(index, from)
	default:
		index[from] = slices.Delete(list, at, at+1)
	}
}

// lowest is the floating address that a fixed address should leave with: the lowest of those that lead to it.
func (v *cache) lowest(fixed netip.Addr) netip.Addr {
	if list := v.leadTo[fixed]; len(list) > 0 {
		return list[0]
	}
	return netip.Addr{}
}

// mapping is what a floating address is translated to. If the way back is wrong, the fixed address is shown as the unspecified
// address, so that the mapping differs from every desired one.
func (v *cache) mapping(namespace string, floating netip.Addr) (*object.NATMapping, bool) {
	fixed, services, leaves := v.floating[floating], v.forwards[floating], v.leavesAs[floating]
	leads := fixed.IsValid() || len(services) > 0
	rates, limited := v.rates[floating]
	if !leads && len(leaves) == 0 && !v.leave[floating] && !limited {
		return nil, false
	}
	m := &object.NATMapping{Namespace: namespace, Floating: floating, Fixed: fixed, Forwards: rangesOf(services), Rates: rates.limits()}
	expected := 0
	if fixed.IsValid() && v.lowest(fixed) == floating {
		expected = 1
	}
	if len(leaves) != expected || expected == 1 && leaves[0] != fixed || v.leave[floating] != leads {
		m.Fixed = netip.IPv4Unspecified()
	}
	return m, true
}

// floatings are all floating addresses of the cache.
func (v *cache) floatings() map[netip.Addr]bool {
	all := map[netip.Addr]bool{}
	for a := range v.floating {
		all[a] = true
	}
	for a := range v.forwards {
		all[a] = true
	}
	for a := range v.leavesAs {
		all[a] = true
	}
	for a := range v.rates {
		all[a] = true
	}
	maps.Copy(all, v.leave)
	return all
}

// elements are all elements of the cache that belong to mappings.
func (v *cache) elements() []element { return v.elementsWith(v.leave) }

// restored are the mapping elements for a table that is made again. Every floating address that leads somewhere may leave. Limits that
// Weft did not make are left out.
func (v *cache) restored() []element {
	leave := map[netip.Addr]bool{}
	for f := range v.floating {
		leave[f] = true
	}
	for f := range v.forwards {
		leave[f] = true
	}
	return slices.DeleteFunc(v.elementsWith(leave), func(e element) bool { return isRate(e.set) && readRate(e.value) == strangeRate })
}

func (v *cache) elementsWith(leave map[netip.Addr]bool) []element {
	all := make([]element, 0, len(v.floating)+len(v.fixed)+len(leave))
	for f, x := range v.floating {
		all = append(all, floatingElement(f, x))
	}
	for x, f := range v.fixed {
		all = append(all, fixedElement(x, f))
	}
	for f, services := range v.forwards {
		for s, to := range services {
			all = append(all, forwardElement(f, s, to))
		}
	}
	for f := range leave {
		all = append(all, leaveElement(f))
	}
	for f, r := range v.rates {
		all = append(all, r.elements(f)...)
	}
	return all
}

// since notes what differs from an older cache.
func (v *cache) since(old *cache) *touched {
	t := newTouched()
	t.table = old.exists != v.exists || old.comment != v.comment || old.digest != v.digest || !maps.Equal(old.small, v.small)
	compare := func(a, b map[netip.Addr]netip.Addr, note func(key, value netip.Addr)) {
		for k, x := range a {
			if b[k] != x {
				note(k, x)
			}
		}
	}
	byFloating := func(f, x netip.Addr) { t.mapping(f, old.lowest(x), v.lowest(x)) }
	byFixed := func(x, f netip.Addr) { t.mapping(f, old.lowest(x), v.lowest(x)) }
	compare(old.floating, v.floating, byFloating)
	compare(v.floating, old.floating, byFloating)
	compare(old.fixed, v.fixed, byFixed)
	compare(v.fixed, old.fixed, byFixed)
	for _, pair := range [][2]*cache{{old, v}, {v, old}} {
		for f := range pair[0].leave {
			if !pair[1].leave[f] {
				t.mapping(f)
			}
		}
		for f, r := range pair[0].rates {
			if pair[1].rates[f] != r {
				t.mapping(f)
			}
		}
		for f, services := range pair[0].forwards {
			if !maps.Equal(services, pair[1].forwards[f]) {
				t.mapping(f)
			}
		}
	}
	return t
}

// keys are the keys of the objects.
func (t *touched) keys(namespace string) []object.Key {
	var keys []object.Key
	if t.table {
		keys = append(keys, (&object.NATTable{Namespace: namespace}).Key())
	}
	for _, a := range slices.SortedFunc(maps.Keys(t.mappings), netip.Addr.Compare) {
		keys = append(keys, mappingKey(namespace, a))
	}
	return keys
}

func mappingKey(namespace string, floating netip.Addr) object.Key {
	return (&object.NATMapping{Namespace: namespace, Floating: floating}).Key()
}
