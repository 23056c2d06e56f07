package compile_test

import (
	"fmt"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// TestKernelWithoutIPv6: IPv4 is as on any other host, nothing of IPv6 is demanded of the kernel, and requests for IPv6 are
// reported. A cloud without IPv6 gets no such report.
func TestKernelWithoutIPv6(t *testing.T) {
	t.Parallel()
	ofKernel := map[object.Kind]bool{object.KindAddresses: true, object.KindRoute: true, object.KindNeighbor: true, object.KindProxy: true,
		object.KindNATTable: true, object.KindNATMapping: true, object.KindAnnouncement: true}
	keys := map[desired.Key]bool{ // whether the item asks for IPv6
		fixture.Key(desired.KindRouter, fixture.RouterUID): true, fixture.Key(desired.KindNetwork, fixture.NetPublic): true, fixture.Key(desired.KindFloatingIP, fixture.FloatFwd): true,
		fixture.Key(desired.KindFloatingIP, fixture.FloatWeb): false, fixture.Key(desired.KindNeighbors, fixture.ShardRed): false, fixture.Key(desired.KindNetwork, fixture.NetRed): false,
	}
	v4 := func(u compile.Result) (all []string) {
		for _, o := range u.Objects {
			if o := strings.Split(fmt.Sprintf("%s %+v", o.Key(), o), " fd00:")[0]; ofKernel[object.Kind(strings.Split(o, "/")[0])] {
				all = append(all, strings.Split(o, " ")[0])
			}
		}
		return all
	}
	for k, asks := range keys {
		in := fixture.Routed()
		with := compile.Compile(in, k)
		in.Facts.NoIPv6 = true
		without := compile.Compile(in, k)
		if named := strings.Contains(without.Pending, "ipv6.disable=1"); named != asks {
			t.Errorf("%v: pending %q, want the reason: %v", k, without.Pending, asks)
		}
		for _, o := range without.Objects {
			if s := fmt.Sprintf("%+v", o); ofKernel[o.Key().Kind] && (strings.Contains(s, "fd00:") || strings.Contains(s, "::/0")) {
				t.Errorf("%v: asks the kernel for IPv6: %s", k, s)
			}
		}
		left := v4(without)
		for _, name := range v4(with) {
			if !strings.Contains(name, ":") && !strings.Contains(strings.Join(left, "\n"), name) && k != fixture.Key(desired.KindFloatingIP, fixture.FloatFwd) {
				t.Errorf("%v: %s is missing", k, name)
			}
		}
	}
}

// TestCentralWithoutIPv6: internal and external networks may ask for IPv6. The reason is reported once, and what remains is IPv4.
func TestCentralWithoutIPv6(t *testing.T) {
	t.Parallel()
	in := fixture.Central()
	in.Facts.NoIPv6 = true
	u := compile.Compile(in, fixture.Key(desired.KindRouter, fixture.RouterUID))
	if n := strings.Count(u.Pending, "ipv6.disable=1"); n != 1 {
		t.Errorf("the reason is told %d times: %q", n, u.Pending)
	}
	addresses := 0
	for _, o := range u.Objects {
		a, ok := o.(*object.Addresses)
		if !ok {
			continue
		}
		addresses++
		for _, p := range a.Prefixes {
			if p.Addr().Is6() {
				t.Errorf("%s has %s", a.Key(), p)
			}
		}
	}
	if addresses == 0 {
		t.Error("nothing has an address")
	}
}
