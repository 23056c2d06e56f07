package nft

import (
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// loaded is the cache of a table that has just been made.
func loaded(t *testing.T, want *object.NATTable, known *versions) *cache {
	t.Helper()
	v := newCache()
	v.exists, v.digest = true, "0123456789abcdef"
	v.comment = tableComment(want, known.of(ruleKey{want.Role, want.Limits}))
	for e := range hostElements(want) {
		v.put(e, true, newTouched())
	}
	v.put(element{set: setSeal, key: v.digest}, true, newTouched())
	return v
}

func wantedTable() *object.NATTable {
	return &object.NATTable{OwnerUID: "uid with spaces", Namespace: "n", Role: object.NATExternal, Outside: "we1", Limits: testLimits,
		Sources: []netip.Addr{netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::9")}, RoutedIPv6: true,
		Management: prefixes("198.51.100.0/25", "198.51.100.128/25", "2001:db8:5::/64")}
}

// TestTableAsItIs: a table that was just made shows as desired. Anything else in it shows as a difference.
func TestTableAsItIs(t *testing.T) {
	t.Parallel()
	known := &versions{}
	want := wantedTable()
	if have, ok := loaded(t, want, known).table("n", known); !ok || len(want.Diff(have)) > 0 {
		t.Fatalf("as it was made: %v", want.Diff(have))
	}
	if _, ok := newCache().table("n", known); ok {
		t.Error("a table that is not there is seen")
	}
	put := func(e element, present bool) func(*cache) { return func(v *cache) { v.put(e, present, newTouched()) } }
	for name, c := range map[string]struct {
		change func(*cache)
		field  string
		sound  bool
	}{
		"the rules were changed":              {func(v *cache) { v.digest = "another" }, "role", false},
		"no seal":                             {put(element{set: setSeal, key: "0123456789abcdef"}, false), "role", false},
		"two seals":                           {put(element{set: setSeal, key: "another"}, true), "role", false},
		"rules of another version":            {func(v *cache) { v.comment = tableComment(want, "0000") }, "role", false},
		"no comment":                          {func(v *cache) { v.comment = "" }, "role", false},
		"somebody's comment":                  {func(v *cache) { v.comment = "other " + strings.TrimPrefix(v.comment, "weft ") }, "role", false},
		"another owner":                       {func(v *cache) { v.comment += "x" }, "", false},
		"limits that are no numbers":          {func(v *cache) { v.comment = strings.Replace(v.comment, "1000/100/1000", "x", 1) }, "limits", false},
		"one more outside device":             {put(outsideElement("we2"), true), "outside", true},
		"no outside device":                   {put(outsideElement("we1"), false), "outside", true},
		"IPv6 is translated":                  {put(routedElement(families()[1].familySets), false), "routed", true},
		"IPv4 is not":                         {put(routedElement(families()[0].familySets), true), "outside", true},
		"an end of a management network goes": {put(managementElements(netip.MustParsePrefix("2001:db8:5::/64"))[1], false), "outside", true},
		"a management network goes": {func(v *cache) {
			for _, e := range managementElements(netip.MustParsePrefix("198.51.100.0/25")) {
				v.put(e, false, newTouched())
			}
		}, "management", true},
		"another end of a management network": {put(element{"management6", addressBytes(netip.MustParseAddr("2001:db8:6::")), intervalEnd}, true), "outside", true},
		"a source goes":                       {put(sourceElement(netip.MustParseAddr("192.0.2.9")), false), "sources", true},
		"a source under another family":       {put(element{set: "source4", key: "\x0a", value: string([]byte{192, 0, 2, 8})}, true), "outside", true},
	} {
		v := loaded(t, want, known)
		c.change(v)
		have, ok := v.table("n", known)
		var fields []string
		if ok {
			for _, d := range want.Diff(have) {
				fields = append(fields, strings.ToLower(d.Field))
			}
		}
		found := slices.ContainsFunc(fields, func(f string) bool { return strings.Contains(f, c.field) })
		if found != (c.field != "") || c.field == "" && len(fields) > 0 {
			t.Errorf("%s: the differences are %v, expected %s", name, fields, c.field)
		}
		if v.sound(want, known) != c.sound {
			t.Errorf("%s: the rules are sound: %v", name, !c.sound)
		}
	}
}

// TestRouterRatesAsTheyAre: limits that are in force show as desired. Whatever somebody changes of them shows as a difference.
func TestRouterRatesAsTheyAre(t *testing.T) {
	t.Parallel()
	known := &versions{}
	want := &object.NATTable{OwnerUID: "uid", Namespace: "n", Role: object.NATRouter, Outside: "transit", Limits: testLimits,
		Rates: object.RateLimits{Egress: object.RateLimit{Rate: 12500, Burst: 62500, Packets: 100, PacketBurst: 50}}}
	rates := routerRates(want)
	if have, ok := loaded(t, want, known).table("n", known); !ok || len(want.Diff(have)) > 0 || len(rates) != 2 {
		t.Fatalf("as it was made: %v, of %d elements", want.Diff(have), len(rates))
	}
	limit, counter := rates[0], rates[1]
	other := func(e element, value string) element { e.value = value; return e }
	elsewhere := func(e element) element { e.key = outsideElement("we2").key; return e }
	for name, c := range map[string]struct {
		goes, comes []element
		field       string
	}{
		"the limit goes":               {[]element{limit}, nil, "egress"},
		"the counter goes":             {[]element{counter}, nil, "egress"},
		"both go":                      {rates, nil, "egress"},
		"another limit":                {[]element{limit}, []element{other(limit, "5000 0 0 0")}, "egress"},
		"a limit of another kind":      {[]element{limit}, []element{other(limit, unknownLimit)}, "egress"},
		"an element without a limit":   {[]element{limit}, []element{other(limit, unlimited)}, "egress"},
		"a limit of one more device":   {nil, []element{elsewhere(limit)}, "egress"},
		"a counter of one more device": {nil, []element{elsewhere(counter)}, "egress"},
		"a limit from outside":         {nil, []element{{ingress.rateSet(""), limit.key, limit.value}}, "ingress"},
	} {
		v := loaded(t, want, known)
		for _, e := range c.goes {
			v.put(e, false, newTouched())
		}
		for _, e := range c.comes {
			v.put(e, true, newTouched())
		}
		have, _ := v.table("n", known)
		diff := want.Diff(have)
		if len(diff) == 0 || !strings.Contains(diff[0].Field, c.field) || !v.sound(want, known) {
			t.Errorf("%s: the differences are %v, the rules are sound: %v", name, diff, v.sound(want, known))
		}
		remove, add := v.hostDelta(want)
		for _, e := range remove {
			v.put(e, false, newTouched())
		}
		for _, e := range add {
			v.put(e, true, newTouched())
		}
		if have, _ := v.table("n", known); len(want.Diff(have)) > 0 {
			t.Errorf("%s: repaired, it differs: %v", name, want.Diff(have))
		}
	}
}

// TestTablesThatTheKernelCouldNotHold: such tables are refused before anything is sent.
func TestTablesThatTheKernelCouldNotHold(t *testing.T) {
	t.Parallel()
	for text, change := range map[string]func(*object.NATTable){
		"":                                      func(*object.NATTable) {},
		"expected the name of a device":         func(o *object.NATTable) { o.Outside = "" },
		`"we45678901234567": expected the name`: func(o *object.NATTable) { o.Outside = "we45678901234567" },
		"expected numbers from 1":               func(o *object.NATTable) { o.Limits.PerSecond = 0 },
		"numbers from 1 to 1073741824":          func(o *object.NATTable) { o.Limits.Connections = 1<<30 + 1 },
		"limits":                                func(o *object.NATTable) { o.Limits.PerDestination = -1 },
		"at most one address for each family":   func(o *object.NATTable) { o.Sources[1] = netip.MustParseAddr("192.0.2.10") },
		"expected at most one address":          func(o *object.NATTable) { o.Sources[0] = netip.Addr{} },
		"prefix 10.0.0.1/8 is not in canonical": func(o *object.NATTable) { o.Management[0] = netip.MustParsePrefix("10.0.0.1/8") },
		"prefix invalid Prefix":                 func(o *object.NATTable) { o.Management[1] = netip.Prefix{} },
		"reaches the end of its family":         func(o *object.NATTable) { o.Management[0] = netip.MustParsePrefix("255.255.255.0/24") },
		"prefix 198.51.100.128/25 overlaps":     func(o *object.NATTable) { o.Management[0] = netip.MustParsePrefix("198.51.0.0/16") },
		"rates: expected none in a table":       func(o *object.NATTable) { o.Rates.Egress.Rate = 12500 },
		"ingress limit: a burst without a rate": func(o *object.NATTable) { o.Rates.Ingress.Burst = 1 },
		"sources":                               func(o *object.NATTable) { o.Sources[0] = netip.MustParseAddr("::ffff:192.0.2.9") },
	} {
		o := wantedTable()
		change(o)
		if err := checkTable(o); (err == nil) != (text == "") || err != nil && !strings.Contains(err.Error(), text) {
			t.Errorf("%v, expected %q", err, text)
		}
	}
	longest := wantedTable()
	longest.Outside, longest.Limits = "we4567890123456", object.NATLimits{Connections: 1 << 30, PerDestination: 1, PerSecond: 1}
	if err := checkTable(longest); err != nil {
		t.Errorf("at the bounds: %v", err)
	}
}

// TestTargets: which target a change leads to, and which changes are refused.
func TestTargets(t *testing.T) {
	t.Parallel()
	m := mappingOf("192.0.2.1")
	m.Fixed = netip.MustParseAddr("10.0.0.1")
	if f, leads, err := targetOf(object.Change{Op: object.Delete, Observed: m}); err != nil || f != m.Floating || leads.fixed.IsValid() || len(leads.ports) > 0 {
		t.Errorf("a mapping that goes leads to %v %+v, %v", f, leads, err)
	}
	if f, leads, err := targetOf(object.Change{Op: object.Create, Desired: m}); err != nil || f != m.Floating || leads.fixed != m.Fixed {
		t.Errorf("a mapping leads to %v %+v, %v", f, leads, err)
	}
	for text, c := range map[string]object.Change{
		"not a kind of the nft driver":    {Op: object.Create, Desired: &object.Link{Name: "x"}},
		"x: not a kind of the nft driver": {Op: object.Delete, Observed: &object.Link{Name: "x"}},
		"expected a plain IPv4 or IPv6":   {Op: object.Create, Desired: mappingOf("::ffff:192.0.2.1")},
		"expected a plain":                {Op: object.Create, Desired: mappingOf("fe80::1%eth0")},
		"floating address: expected":      {Op: object.Create, Desired: &object.NATMapping{Namespace: "n"}},
		"egress limit: a rate of packets without a burst": {Op: object.Create, Desired: &object.NATMapping{Namespace: "n", Floating: m.Floating,
			Rates: object.RateLimits{Egress: object.RateLimit{Packets: 10}}}},
		"one of the floating address's family": {Op: object.Create, Desired: &object.NATMapping{Namespace: "n", Floating: m.Floating, Fixed: netip.MustParseAddr("fd00::1")}},
	} {
		if _, _, err := targetOf(c); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, expected %s", err, text)
		}
	}
	for name, want := range map[string]string{"n/192.0.2.1": "n 192.0.2.1", "n/2001:db8::1": "n 2001:db8::1", "n": "", "n/x": "", "/": ""} {
		ns, f, err := splitKey(object.Key{Kind: object.KindNATMapping, Name: name})
		if got := ns + " " + f.String(); (err == nil) != (want != "") || err == nil && (got != want || mappingKey(ns, f).Name != name) {
			t.Errorf("%s is %s, %v", name, got, err)
		}
	}
	if ns, f, err := splitKey(object.Key{Kind: object.KindNATTable, Name: "n"}); err != nil || ns != "n" || f.IsValid() {
		t.Errorf("a table's key is %s %s, %v", ns, f, err)
	}
}

// TestNotifications: those of the next transaction are applied. Those of an earlier one are known already. After a gap the table
// is read again, and also after a change of its own structure.
func TestNotifications(t *testing.T) {
	t.Parallel()
	floating, fixed := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("10.0.0.1")
	come := elementRequests(unix.NFT_MSG_NEWSETELEM, []element{floatingElement(floating, fixed)})[0].Message()
	gone := elementRequests(unix.NFT_MSG_DELSETELEM, []element{floatingElement(floating, fixed)})[0].Message()
	part := func(kind uint16, table string) netlink.Message {
		return newRequest(kind, 0).Text(unix.NFTA_TABLE_NAME, table).Text(2, "x").Message()
	}
	for name, c := range map[string]struct {
		changes    []netlink.Message
		generation uint32
		complete   bool
		touched    bool
		after      uint32
	}{
		"the next":                {[]netlink.Message{come}, 11, true, true, 11},
		"come and gone":           {[]netlink.Message{come, gone}, 11, true, true, 11},
		"nothing of ours":         {nil, 11, true, false, 11},
		"in the dump already":     {[]netlink.Message{come}, 10, true, false, 10},
		"long before":             {[]netlink.Message{come}, 3, true, false, 10},
		"one is missed":           {[]netlink.Message{come}, 12, false, false, 10},
		"a rule of ours":          {[]netlink.Message{come, part(unix.NFT_MSG_NEWRULE, tableName)}, 11, false, false, 10},
		"a chain of ours goes":    {[]netlink.Message{part(unix.NFT_MSG_DELCHAIN, tableName)}, 11, false, false, 10},
		"our table goes":          {[]netlink.Message{part(unix.NFT_MSG_DELTABLE, tableName)}, 11, false, false, 10},
		"a set of ours":           {[]netlink.Message{part(unix.NFT_MSG_NEWSET, tableName)}, 11, false, false, 10},
		"a rule of another table": {[]netlink.Message{part(unix.NFT_MSG_NEWRULE, "filter"), come}, 11, true, true, 11},
		"of another subsystem":    {[]netlink.Message{{Header: syscall.NlMsghdr{Type: unix.NFT_MSG_DELTABLE}, Data: come.Data}}, 11, true, false, 11},
	} {
		s := &space{cache: newCache(), reached: make(chan struct{})}
		s.cache.generation = 10
		touched, complete, err := s.absorb(c.changes, c.generation)
		if err != nil || complete != c.complete || touched.mappings[floating] != c.touched || s.cache.generation != c.after {
			t.Errorf("%s: complete %v, touched %v, generation %d, %v", name, complete, touched.mappings, s.cache.generation, err)
		}
		if there := s.cache.floating[floating] == fixed; there != (c.touched && name != "come and gone") {
			t.Errorf("%s: the element is in the picture: %v", name, there)
		}
	}
	s := &space{cache: newCache(), reached: make(chan struct{})}
	s.cache.generation = 1<<32 - 1 // generations start again from 0
	if _, complete, err := s.absorb([]netlink.Message{come}, 0); err != nil || !complete || s.cache.floating[floating] != fixed {
		t.Errorf("after the last generation comes 0: complete %v, %v", complete, err)
	}
}

// TestDigest: rules count in their order within their chain. The order of chains and sets does not count. An item in one list is
// not taken for the same item in another list.
func TestDigest(t *testing.T) {
	t.Parallel()
	a, b, r := part{"a", "chain a"}, part{"b", "chain b"}, []part{{"a", "one"}, {"a", "two"}, {"b", "three"}}
	of := func(chains, sets, rules []part) string {
		return digestOf(slices.Clone(chains), slices.Clone(sets), slices.Clone(rules))
	}
	base := of([]part{a, b}, []part{b}, r)
	if len(base) != 16 || base != of([]part{b, a}, []part{b}, r) || base != of([]part{a, b}, []part{b}, []part{r[2], r[0], r[1]}) {
		t.Error("the order of what has none counts")
	}
	for name, other := range map[string]string{
		"rules exchanged":   of([]part{a, b}, []part{b}, []part{r[1], r[0], r[2]}),
		"a rule less":       of([]part{a, b}, []part{b}, r[:2]),
		"a set for a chain": of([]part{a}, []part{b, b}, r),
		"no set":            of([]part{a, b}, nil, r),
		"joined texts":      of([]part{{"a", "chain achain b"}}, []part{b}, r),
	} {
		if other == base {
			t.Errorf("%s: the digest is the same", name)
		}
	}
}

// TestShortMessage: a message without its header is not read.
func TestShortMessage(t *testing.T) {
	t.Parallel()
	if _, err := attributesOf(netlink.Message{Data: []byte{2, 0}}); err == nil {
		t.Error("a message without its header is read")
	}
}
