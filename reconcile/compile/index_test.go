package compile_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// otherValue gives a field another value than it has.
func otherValue(t *testing.T, v reflect.Value) {
	t.Helper()
	switch x := v.Addr().Interface().(type) {
	case *object.MAC:
		x[5]++
	case *[]netip.Prefix:
		*x = append(slices.Clone(*x), netip.MustParsePrefix("198.51.100.9/24"))
	case *[]string:
		*x = append(slices.Clone(*x), "more")
	case *object.SessionFacts:
		x.Ups++
	case *bool:
		*x = !*x
	case *string:
		*x += "x"
	case *int:
		*x++
	case *uint32:
		*x++
	default:
		t.Fatalf("say here how a %s is changed", v.Type())
	}
}

// TestEachFieldOfADeviceConcernsItsReaders: whatever changes in the facts of a device, the items that have read them are compiled
// again, whether the device is named or all facts are compared. Nothing is compiled again when nothing has changed.
func TestEachFieldOfADeviceConcernsItsReaders(t *testing.T) {
	t.Parallel()
	web := fixture.Key(desired.KindPort, fixture.PortWeb)
	for _, of := range []any{object.LinkFacts{}, object.InterfaceFacts{}} {
		for i := range reflect.TypeOf(of).NumField() {
			for _, devices := range [][]string{nil, {"tapweb"}} {
				in := fixture.Plain()
				x := fixture.Indexed(in)
				name := fmt.Sprintf("%T.%s", of, reflect.TypeOf(of).Field(i).Name)
				change := func() {
					fixture.Link(in, "tapweb", func(l *object.LinkFacts) {
						if _, is := of.(object.LinkFacts); is {
							otherValue(t, reflect.ValueOf(l).Elem().Field(i))
						}
					})
					fixture.Interface(in, "tapweb", func(f *object.InterfaceFacts) {
						if _, is := of.(object.InterfaceFacts); is {
							otherValue(t, reflect.ValueOf(f).Elem().Field(i))
						}
					})
				}
				for range 2 { // the second change is compared with the first
					change()
					if dirty := x.Observe(in.Facts, devices); !slices.Contains(dirty, web) {
						t.Errorf("%s changed, and compiled again are %v", name, dirty)
					}
				}
				if dirty := x.Observe(in.Facts, devices); len(dirty) > 0 {
					t.Errorf("%s did not change again, and compiled again are %v", name, dirty)
				}
			}
		}
	}
}

// TestDevicesComeAndGo: a device that goes concerns its readers, and so does one that comes, once each.
func TestDevicesComeAndGo(t *testing.T) {
	t.Parallel()
	in := fixture.Plain()
	x := fixture.Indexed(in)
	for _, device := range []string{"tapweb", "vnet7"} {
		reader := fixture.Key(desired.KindPort, map[string]string{"tapweb": fixture.PortWeb, "vnet7": fixture.PortDB}[device])
		l, i := in.Facts.Links[device], in.Facts.Interfaces[device]
		for what, do := range map[string]func(){
			"link": func() { delete(in.Facts.Links, device) }, "interface": func() { delete(in.Facts.Interfaces, device) },
		} {
			do()
			gone := x.Observe(in.Facts, nil)
			again := x.Observe(in.Facts, nil)
			in.Facts.Links[device], in.Facts.Interfaces[device] = l, i
			back := x.Observe(in.Facts, nil)
			if !slices.Contains(gone, reader) || len(again) > 0 || !slices.Contains(back, reader) {
				t.Errorf("the %s of %s goes and comes: compiled again %v, then %v, then %v", what, device, gone, again, back)
			}
		}
	}
}

// TestHostFactsConcernTheirReaders: facts of the host itself.
func TestHostFactsConcernTheirReaders(t *testing.T) {
	t.Parallel()
	host := fixture.Key(desired.KindHost, fixture.HostUID)
	for name, change := range map[string]func(f *object.Facts){
		"datapath type": func(f *object.Facts) { f.DatapathType = "system" },
		"a bridge that became foreign": func(f *object.Facts) {
			f.ForeignBridges = map[string]string{"br-int": "x"}
		},
	} {
		in := fixture.Plain()
		x := fixture.Indexed(in)
		change(in.Facts)
		if dirty := x.Observe(in.Facts, nil); !slices.Contains(dirty, host) {
			t.Errorf("%s: compiled again are %v", name, dirty)
		}
		*in.Facts = *fixture.Plain().Facts
		if dirty := x.Observe(in.Facts, nil); !slices.Contains(dirty, host) {
			t.Errorf("%s, and back: compiled again are %v", name, dirty)
		}
	}
	in := fixture.Routed()
	x := fixture.Indexed(in)
	in.Facts.NoIPv6 = true
	if dirty := x.Observe(in.Facts, nil); !slices.Contains(dirty, fixture.Key(desired.KindRouter, fixture.RouterUID)) || slices.Contains(dirty, host) {
		t.Errorf("without IPv6 compiled again are %v", dirty)
	}
	in.Facts.ForeignBridges = map[string]string{"br-other": "x"}
	if dirty := x.Observe(in.Facts, nil); len(dirty) != 0 {
		t.Errorf("because of a bridge that nobody asked for, compiled again are %v", dirty)
	}
}

// TestAForgottenItemIsNotCompiledAgain: what an item was made of is forgotten with it.
func TestAForgottenItemIsNotCompiledAgain(t *testing.T) {
	t.Parallel()
	in := fixture.Plain()
	x := fixture.Indexed(in)
	gone := fixture.Key(desired.KindPort, fixture.PortWeb)
	in.Config.Remove(desired.Key{Kind: desired.KindPort, UID: fixture.PortWeb})
	x.Update(in.Config, gone)
	x.Compiled(compile.Result{Key: gone})
	fixture.Link(in, "tapweb", func(l *object.LinkFacts) { l.MTU++ })
	if dirty := x.Observe(in.Facts, nil); slices.Contains(dirty, gone) {
		t.Errorf("compiled again are %v", dirty)
	}
	if dirty := x.Update(in.Config, desired.Key{Kind: "unknown", UID: "1"}); !slices.Equal(dirty, []desired.Key{{Kind: "unknown", UID: "1"}}) {
		t.Errorf("an item of an unknown kind concerns %v", dirty)
	}
	if u := compile.Compile(in, desired.Key{Kind: "unknown", UID: "1"}); len(u.Objects)+len(u.Reads) > 0 {
		t.Errorf("an item of an unknown kind is %+v", u)
	}
	if u := compile.Compile(compile.Input{}, fixture.Key(desired.KindPort, fixture.PortWeb)); u.Pending != "" || len(u.Objects) > 0 {
		t.Errorf("of nothing: %+v", u)
	}
}

// TestStrangersAreToldOf: interfaces on our bridge that belong to nobody, the first ones in order, with what to do.
func TestStrangersAreToldOf(t *testing.T) {
	t.Parallel()
	in := fixture.Plain()
	add := func(name, bridge, id string) {
		in.Facts.Interfaces[name] = object.InterfaceFacts{Bridge: bridge, InterfaceID: id, OFPort: 9}
	}
	add("vnet9", "br-int", "of-another-cloud")
	add("odd0", "br-int", "")
	add("br-int", "br-int", "") // the bridge's own
	add("far0", "br-ex", "")
	x := fixture.Indexed(in)
	names, warning := x.Strangers()
	if !slices.Equal(names, []string{"odd0", "vnet9"}) {
		t.Errorf("strangers are %v", names)
	}
	for name, want := range map[string]string{
		"odd0": `"odd0" on bridge br-int belongs to nobody`, "vnet9": `"vnet9" on bridge br-int has iface-id "of-another-cloud", which no port has`,
	} {
		if w := warning(name); w.Reason != object.WarnUnknownInterface || !strings.Contains(w.Message, want) {
			t.Errorf("%s: %+v", name, w)
		}
	}
	for i := range 5 {
		add(fmt.Sprintf("a%d", i), "br-int", "")
	}
	x.Observe(in.Facts, nil)
	if names, _ := x.Strangers(); !slices.Equal(names, []string{"a0", "a1", "a2", "a3", "a4"}) {
		t.Errorf("of seven strangers are told %v", names)
	}
	in.Config.Remove(in.Config.Host().Key())
	x.Update(in.Config, fixture.Key(desired.KindHost, fixture.HostUID))
	if names, _ := x.Strangers(); len(names) != 0 {
		t.Errorf("without a host strangers are %v", names)
	}
}
