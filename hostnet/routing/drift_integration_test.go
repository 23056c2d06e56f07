//go:build integration

package routing

import (
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
)

func key(kind object.Kind, name string) object.Key { return object.Key{Kind: kind, Name: name} }

// TestDriftIsToldAndRepaired: each manual damage is an event that names the object, and one repair mends it. Everything beside it
// is left alone.
func TestDriftIsToldAndRepaired(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start()
	h.converge(router()...)
	h.ip(routerName, "route", "add", "203.0.113.0/24", "via", "10.2.0.5") // not our protocol: a foreign route
	h.ip(routerName, "link", "add", "stranger", "type", "veth", "peer", "name", "stranger2")
	veth := key(object.KindVeth, routerName+"/n1")
	for _, c := range []struct {
		name      string
		namespace string
		key       object.Key
		command   []string
	}{
		{"an address removed", routerName, key(object.KindAddresses, routerName+"/n1"), words("addr del 10.1.0.1/24 dev n1")},
		{"an IPv6 address removed", routerName, key(object.KindAddresses, routerName+"/n1"), words("addr del fd01::1/64 dev n1")},
		{"an address added", routerName, key(object.KindAddresses, routerName+"/n2"), words("addr add 192.0.2.1/32 dev n2")},
		{"the link-local address removed", routerName, veth, words("addr flush dev n1 scope link")},
		{"a route removed", routerName, key(object.KindRoute, routerName+"/0.0.0.0/0"), words("route del default")},
		{"a route replaced", routerName, key(object.KindRoute, routerName+"/0.0.0.0/0"), words("route replace default via 10.1.0.5 proto 87")},
		{"an IPv6 route replaced by a stranger's", routerName, key(object.KindRoute, routerName+"/::/0"), words("-6 route replace default via fd01::5")},
		{"a route of our protocol added", routerName, key(object.KindRoute, routerName+"/198.18.0.0/15"), words("route add 198.18.0.0/15 via 10.1.0.5 proto 87")},
		{"a second route beside ours", routerName, key(object.KindRoute, routerName+"/0.0.0.0/0"), words("route append default via 10.1.0.5 proto 87 metric 7")},
		{"a neighbour removed", routerName, key(object.KindNeighbor, routerName+"/n1/10.1.0.5"), words("neigh del 10.1.0.5 dev n1")},
		{"a neighbour changed", routerName, key(object.KindNeighbor, routerName+"/n2/fd02::5"), words("neigh replace fd02::5 lladdr 02:00:00:00:00:99 nud permanent dev n2")},
		{"a neighbour added", routerName, key(object.KindNeighbor, routerName+"/n2/10.2.0.9"), words("neigh add 10.2.0.9 lladdr 02:00:00:00:00:99 nud permanent dev n2")},
		{"a device inside down", routerName, veth, words("link set n1 down")},
		{"a device outside down", "", veth, words("link set wl1 down")},
		{"an mtu inside", routerName, veth, words("link set n1 mtu 1280")},
		{"an mtu outside", "", veth, words("link set wl1 mtu 1300")},
		{"a MAC", routerName, veth, words("link set n1 address 02:00:00:00:00:77")},
		{"a mark", "", veth, words("link set wl1 alias nothing")},
		{"lo down", routerName, key(object.KindNamespace, routerName), words("link set lo down")},
		{"a pair removed", "", veth, words("link del wl1")},
		{"a device moved away", routerName, veth, append(words("link set n1 netns"), h.path("host"))},
	} {
		before := h.hasRoute(routerName, "203.0.113.0/24")
		h.forget()
		h.ip(c.namespace, c.command...)
		h.awaitKey(c.name, c.key)
		if made := h.converge(router()...); made == 0 {
			t.Errorf("%s: nothing was repaired", c.name)
		}
		if c.key != veth && c.key.Kind != object.KindNamespace && before != h.hasRoute(routerName, "203.0.113.0/24") {
			t.Errorf("%s: the stranger's route went", c.name)
		}
	}
	h.ip(routerName, "link", "show", "stranger") // it still exists
}

// TestThreadedNAPI: a kernel thread handles what is received where that is desired and nowhere else, also after a device was
// down. If somebody switches it off, that is noticed.
func TestThreadedNAPI(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start()
	objects := router()
	threaded := objects[1].(*object.Veth)
	threaded.Threaded = true
	h.converge(objects...)
	device := func(name, script string) string {
		t.Helper()
		script = "mount -t sysfs sysfs /sys && cd /sys/class/net/" + name + " && " + script
		return strings.TrimSpace(in(t, h.dir+"/"+routerName, "unshare", "--mount", "sh", "-c", script))
	}
	const show = "cat threaded queues/rx-0/rps_cpus | tr -d '\n'; ethtool -k $(basename $PWD) | grep '^generic-receive'"
	const on, off = "10generic-receive-offload: on", "00generic-receive-offload: off"
	check := func(when string) {
		t.Helper()
		if got := device(threaded.Name, show); got != on {
			t.Errorf("%s, where it is wanted: %q, want %q", when, got, on)
		}
		if got := device("n2", show); got != off {
			t.Errorf("%s, where it is not wanted: %q, want %q", when, got, off)
		}
	}
	check("made")
	for _, damage := range []struct{ name, script string }{
		{threaded.Name, "echo 0 >threaded"}, {threaded.Name, "echo 1 >queues/rx-0/rps_cpus"},
		{"n2", "ethtool -K n2 gro on && echo 1 >threaded"},
	} {
		device(damage.name, damage.script)
		must(t, h.Sync(t.Context()))
		if h.converge(objects...) == 0 {
			t.Errorf("%s: nothing was repaired", damage.script)
		}
		check(damage.script)
	}
	h.forget()
	device(threaded.Name, "ethtool -K "+threaded.Name+" gro off")
	h.awaitKey("gro off", key(object.KindVeth, routerName+"/"+threaded.Name))
	if h.converge(objects...) == 0 {
		t.Error("gro off: nothing was repaired")
	}
	check("gro off")
	device(threaded.Name, "ip link set "+threaded.Name+" down")
	h.converge(objects...)
	check("down and up")
}

// TestSettingsAndOffloadsAreRepaired: the kernel reports changes of forwarding, reverse path filters and offloads. Changes of
// other settings are found when the namespace is read.
func TestSettingsAndOffloadsAreRepaired(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start()
	h.converge(router()...)
	namespace, veth := key(object.KindNamespace, routerName), key(object.KindVeth, routerName+"/n1")
	path := h.dir + "/" + routerName
	for _, c := range []struct {
		told    object.Key // otherwise it is found by reading
		where   string
		command []string
	}{
		{namespace, path, words("sysctl -qw net.ipv4.ip_forward=0")},
		{namespace, path, words("sysctl -qw net.ipv6.conf.all.forwarding=0")},
		{namespace, path, words("sysctl -qw net.ipv4.conf.n1.rp_filter=1")},
		{object.Key{}, path, words("sysctl -qw net.ipv4.conf.n2.send_redirects=1")},
		{object.Key{}, path, words("sysctl -qw net.ipv6.conf.n2.accept_ra=2")},
		{veth, path, words("ethtool -K n1 tx on")},
		{veth, h.path("host"), words("ethtool -K wl1 tx on")},
		{object.Key{}, h.path("host"), words("sysctl -qw net.ipv6.conf.wl1.disable_ipv6=0")},
	} {
		h.forget()
		in(t, c.where, c.command...)
		if c.told != (object.Key{}) {
			h.awaitKey(c.command[2], c.told)
		} else {
			must(t, h.Sync(t.Context()))
		}
		if made := h.converge(router()...); made == 0 {
			t.Errorf("%v: nothing was repaired", c.command)
		}
	}
}

// TestNamespaceRemovedByHandIsMadeAgain: the namespace ends although the driver had it open. It is made again with everything
// inside.
func TestNamespaceRemovedByHandIsMadeAgain(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start()
	h.converge(router()...)
	other := &object.Namespace{OwnerUID: "x1", Name: "weft-external-1"}
	want := append(router(), other)
	h.converge(want...)
	must(t, h.somebody().Remove(routerName))
	gone := key(object.KindNamespace, routerName)
	h.await("the namespace removed", func(e object.Event) bool { // the event of its making may still arrive
		if !slices.Contains(e.Keys, gone) {
			return false
		}
		found, err := h.Observe(t.Context(), []object.Key{gone})
		must(t, err)
		return len(found) == 0
	})
	if made := h.converge(want...); made < len(router()) {
		t.Errorf("%d changes were made, want all %d objects of the namespace", made, len(router()))
	}
}

// TestRestartAdopts: a new driver finds everything as it should be. It removes what is not desired any more. It neither takes nor
// touches a foreign namespace with our prefix.
func TestRestartAdopts(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	stop := h.start()
	h.converge(router()...)
	stop()
	stranger, err := h.somebody().Make("weft-stranger", func() error { return nil })
	must(t, err)
	defer stranger.Close()
	h.start()
	if made := h.converge(router()...); made != 0 {
		t.Errorf("%d changes were made after the restart", made)
	}
	create := object.Change{Op: object.Update, Desired: &object.Namespace{OwnerUID: "x", Name: "weft-stranger"}}
	for _, err := range h.Apply(t.Context(), []object.Change{create}) {
		if err == nil {
			t.Error("a stranger's namespace was taken")
		}
	}
	h.converge()
	names, err := h.somebody().List("")
	must(t, err)
	if len(names) != 1 || names[0] != "weft-stranger" {
		t.Errorf("namespaces left: %v", names)
	}
}

// TestProxiedAddressesAreAnsweredFor: they are answered for by ARP and by neighbour advertisements, at once. Other addresses are
// not.
func TestProxiedAddressesAreAnsweredFor(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start()
	after := []object.Key{key(object.KindAddresses, routerName+"/n2")}
	want := append(router(),
		&object.Route{Namespace: routerName, Destination: prefix("fd99::7/128"), Via: addr("fd02::5"), Device: "n2", After: after},
		&object.Proxy{Namespace: routerName, Device: "n1", Address: addr("fd99::7"), After: after})
	h.converge(want...)
	a := h.guest("a", "wl1", macA.String(), "10.1.0.1", object.GatewayLinkLocal.String(), "10.1.0.5/24", "fd01::5/64")
	in(t, a, "arping", "-f", "-w", "10", "-I", "eth0", "198.51.100.7")
	in(t, a, "ip", "route", "add", "fd99::7/128", "dev", "eth0")
	_, _ = try(a, "ping", "-c1", "-W2", "fd99::7") // nobody has the address; only the neighbour entry matters
	if out := in(t, a, "ip", "neigh", "show", "fd99::7"); !strings.Contains(out, object.GatewayMAC.String()) {
		t.Errorf("nobody answered for the IPv6 address: %s", out)
	}
	if out, err := try(a, "arping", "-f", "-w", "1", "-I", "eth0", "198.51.100.8"); err == nil {
		t.Errorf("an address that is not proxied was answered for: %s", out)
	}
	if out, err := try(a, "arping", "-f", "-w", "1", "-I", "eth0", "10.2.0.1"); err == nil {
		t.Errorf("another router interface's address was answered for: %s", out)
	}
	// The kernel does not report that proxied addresses are lost when their device goes down. They are repaired nevertheless.
	h.ip(routerName, "link", "set", "n1", "down")
	h.awaitKey("the device down", key(object.KindVeth, routerName+"/n1"))
	h.converge(want...)
	in(t, a, "arping", "-f", "-w", "10", "-I", "eth0", "198.51.100.7")
}

// TestOneNamespaceHarmsNoOther: only changes in a missing namespace fail.
func TestOneNamespaceHarmsNoOther(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.start()
	h.converge(router()...)
	changes := []object.Change{
		{Op: object.Create, Desired: &object.Neighbor{Namespace: "weft-nowhere", Device: "n1", Address: addr("10.1.0.9"), MAC: macA}},
		{Op: object.Create, Desired: &object.Neighbor{Namespace: routerName, Device: "nothing", Address: addr("10.1.0.9"), MAC: macA}},
		{Op: object.Create, Desired: &object.Neighbor{Namespace: routerName, Device: "n1", Address: addr("10.1.0.9"), MAC: macA}},
		{Op: object.Create, Desired: &object.Route{Namespace: routerName, Destination: prefix("10.9.0.0/16"), Via: addr("192.0.2.99"), Device: "n1"}},
		{Op: object.Create, Desired: &object.Route{Namespace: routerName, Destination: prefix("10.8.0.0/16"), Via: addr("10.1.0.5"), Device: "n1"}},
		{Op: object.Create, Desired: &object.Veth{OwnerUID: "r1", Namespace: routerName, Name: "a-name-that-is-too-long", Peer: object.VethEnd{Name: "wl9"}, MTU: 1500}},
	}
	errs := h.Apply(t.Context(), changes)
	for i, fails := range []bool{true, true, false, true, false, true} {
		if (errs[i] != nil) != fails {
			t.Errorf("%s: error %v, want one: %v", changes[i].Key(), errs[i], fails)
		}
	}
}
