package fake

import (
	"net/netip"
	"strings"
	"testing"

	"weft/hostnet/object"
)

func pair(namespace, name, peer, host string) *object.Veth {
	return &object.Veth{OwnerUID: "r", Namespace: namespace, Name: name, Peer: object.VethEnd{Namespace: peer, Name: host}, MTU: 1400}
}

// TestNamespacesAreRefused: orders in namespaces that no kernel would carry out.
func TestNamespacesAreRefused(t *testing.T) {
	t.Parallel()
	ns := create(&object.Namespace{OwnerUID: "r", Name: space})
	other := create(&object.Namespace{OwnerUID: "r", Name: "weft-external-1"})
	address := netip.MustParseAddr("10.0.0.1")
	for want, changes := range map[string][]object.Change{
		"veth/weft-router-1/n1: netns/weft-router-1 is not there":      {create(pair(space, "n1", "", "h1"))},
		"veth/weft-router-1/n1: netns/weft-external-1 is not there":    {ns, create(pair(space, "n1", "weft-external-1", "t1"))},
		"there is a device tap1 already":                               {ns, create(pair(space, "n1", "", "tap1"))},
		"there is a device h1 already":                                 {ns, create(pair(space, "n1", "", "h1")), create(pair(space, "n2", "", "h1"))},
		"there is a device n1 already":                                 {ns, other, create(pair(space, "n1", "", "h1")), create(pair("weft-external-1", "t1", space, "n1"))},
		"addresses/weft-router-1/n1: there is no device n1 in":         {ns, create(&object.Addresses{Namespace: space, Device: "n1"})},
		"there is no device h1 in namespace weft-router-1":             {ns, create(pair(space, "n1", "", "h1")), create(&object.Addresses{Namespace: space, Device: "h1"})},
		"there is no device n2 in namespace weft-router-1":             {ns, create(&object.Route{Namespace: space, Device: "n2"})},
		"neighbor/weft-router-1/n3/10.0.0.1: there is no device n3 in": {ns, create(&object.Neighbor{Namespace: space, Device: "n3", Address: address})},
		"proxy/weft-router-1/n4/10.0.0.1: there is no device n4 in":    {ns, create(&object.Proxy{Namespace: space, Device: "n4", Address: address})},
		"nat-table/weft-router-1 is not there yet":                     {ns, create(&object.NATMapping{Namespace: space, Floating: address})},
		"silent-device/tap1: host-filter/weft is not there yet":        {create(&object.SilentDevice{Device: "tap1"})},
	} {
		h := plugged()
		errs := apply(t, h, changes...)
		if err := errs[len(errs)-1]; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want a refusal with %q, got %v", want, err)
		}
		for i, err := range errs[:len(errs)-1] {
			if err != nil {
				t.Errorf("%s: step %d: %v", want, i, err)
			}
		}
	}
	h := plugged()
	for _, c := range []object.Change{ns, other, create(pair(space, "n1", "", "h1")), create(pair("weft-external-1", "n1", "", "h2"))} {
		must(t, h, c) // one name in two namespaces
	}
}

// TestAPairMadeAgain: another MAC or another peer makes the pair again, and what was on it is gone. Another MTU does not.
func TestAPairMadeAgain(t *testing.T) {
	t.Parallel()
	address := netip.MustParseAddr("10.0.0.1")
	for name, c := range map[string]struct {
		change func(v *object.Veth)
		stays  bool
	}{
		"another MTU":  {func(v *object.Veth) { v.MTU = 1300 }, true},
		"another MAC":  {func(v *object.Veth) { v.MAC = object.MAC{2} }, false},
		"another peer": {func(v *object.Veth) { v.Peer.Name = "h2" }, false},
	} {
		h := plugged()
		first := pair(space, "n1", "", "h1")
		on := &object.Addresses{OwnerUID: "r", Namespace: space, Device: "n1"}
		route := &object.Route{OwnerUID: "r", Namespace: space, Device: "n1", Destination: netip.PrefixFrom(address, 32)}
		for _, o := range []object.Object{&object.Bridge{OwnerUID: "h", Name: "br-int"}, &object.Namespace{OwnerUID: "r", Name: space}, first, on, route,
			&object.OVSPort{OwnerUID: "r", Bridge: "br-int", Device: "h1"}} {
			must(t, h, create(o))
		}
		number := facts(h).Interfaces["h1"].OFPort
		then := *first
		c.change(&then)
		must(t, h, object.Change{Op: object.Update, Desired: &then, Observed: first})
		if addresses, routes := h.has(object.KindAddresses, space+"/n1"), observe(t, h, route.Key()) != nil; addresses != c.stays || routes != c.stays {
			t.Errorf("%s: addresses stay: %v, routes stay: %v", name, addresses, routes)
		}
		f := facts(h)
		l, there := f.Links[then.Peer.Name]
		if !there || l.MTU != then.MTU || l.Kind != "veth" || !l.Up || l.Index == 0 {
			t.Errorf("%s: the end of the host is %+v", name, l)
		}
		if _, old := f.Links["h1"]; old != (then.Peer.Name == "h1") {
			t.Errorf("%s: the old end is there: %v", name, old)
		}
		if now := f.Interfaces["h1"].OFPort; number == 0 || (now == 0) != (then.Peer.Name != "h1") {
			t.Errorf("%s: the old end's number was %d and is %d", name, number, now)
		}
	}
}

// TestASessionsOtherEnd moves with the session.
func TestASessionsOtherEnd(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	before := facts(h).Interfaces
	must(t, h, object.Change{Op: object.Update, Desired: &object.Session{OwnerUID: "n", Bridge: "br-int", Device: "ps1", PeerDevice: "pw2"}})
	after := facts(h).Interfaces
	if _, old := after["pw1"]; old || after["pw2"].OFPort == 0 || !after["pw2"].Created || after["ps1"].OFPort != before["ps1"].OFPort {
		t.Errorf("before %+v, after %+v", before, after)
	}
}
