package model

import (
	"strings"
	"testing"
)

// together reads one file of objects that are valid by themselves, and returns the errors between them.
func together(t *testing.T, outside Lookup, objects ...string) Errors {
	t.Helper()
	var file strings.Builder
	for _, o := range objects {
		head, spec, _ := strings.Cut(o, " ")
		kind, name, _ := strings.Cut(head, "/")
		project := "project: alpha, "
		if Kind(kind).ClusterScoped() {
			project = ""
		}
		file.WriteString("---\napiVersion: weft/v1\nkind: " + kind + "\nmetadata: {" + project + "name: " + name + "}\nspec: {" + spec + "}\n")
	}
	objs, err := DecodeManifest("f", []byte(file.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, file.String())
	}
	return ValidateSet(objs, outside)
}

// TestWhatTwoObjectsCannotBothHave also has values that both may have, because the same name means different things there.
func TestWhatTwoObjectsCannotBothHave(t *testing.T) {
	t.Parallel()
	const mac = "mac: '02:00:00:00:00:01'"
	for _, c := range []struct {
		first, second string
		field, text   string // of the second; empty where both can be
	}{
		{"Port/a network: n, " + mac, "Port/b network: other, " + mac, "spec.mac", "02:00:00:00:00:01 is wanted already by Port alpha/a (in f line 2): choose another"},
		{"Port/a network: n, addresses: [10.0.0.5]", "Port/b network: n, addresses: [10.0.0.4, 10.0.0.5]", "spec.addresses[1]", "10.0.0.5 is wanted already"},
		{"Port/a network: n, addresses: [10.0.0.5]", "Port/b network: alpha/n, addresses: [10.0.0.5]", "spec.addresses[0]", "10.0.0.5 is wanted already"},
		{"Port/a network: n, addresses: [10.0.0.5]", "Port/b network: beta/n, addresses: [10.0.0.5]", "", ""},
		{"Port/a network: n, addresses: [10.0.0.5]", "Port/b network: alpha/n, allowedAddressPairs: [{address: 10.0.0.5}]", "spec.allowedAddressPairs[0].address", "10.0.0.5 is wanted already by Port alpha/a (in f line 2)"},
		{"Port/a network: n, addresses: [10.0.0.9, 10.0.0.8]", "Port/b network: n, allowedAddressPairs: [{address: 10.0.0.1}, {address: 10.0.0.8/29}]", "spec.allowedAddressPairs[1].address", "10.0.0.8 is wanted already"},
		{"FloatingIP/a network: n, address: 10.0.0.5", "Port/b network: n, allowedAddressPairs: [{address: 10.0.0.5}]", "spec.allowedAddressPairs[0].address", "is wanted already by FloatingIP alpha/a"},
		{"Port/a network: m, addresses: [10.0.0.5]", "Port/b network: n, addresses: [10.0.0.5], allowedAddressPairs: [{address: 10.0.0.5}, {address: 10.0.0.0/28}]", "", ""},
		{"Port/a network: n, allowedAddressPairs: [{address: 10.0.0.5}]", "Port/b network: n, allowedAddressPairs: [{address: 10.0.0.5}]", "", ""},
		{"Port/a network: m, " + mac, "Port/b network: n, allowedAddressPairs: [{address: 10.0.0.5, mac: '02:00:00:00:00:01'}]", "spec.allowedAddressPairs[0].mac", "02:00:00:00:00:01 is wanted already by Port alpha/a"},
		{"Port/a network: n, interfaceID: i", "Port/b network: other, interfaceID: i", "spec.interfaceID", "i is wanted already"},
		{"Port/a network: n, host: h1, device: tap0", "Port/b network: n, host: h1, device: tap0", "spec.device", "tap0 on Host h1 is wanted already"},
		{"Port/a network: n, host: h1, device: tap0", "Port/b network: n, host: h2, device: tap0", "", ""},
		{"Port/a network: n, host: h1, device: tap0", "Port/b network: n, host: h2, migrateTo: h1, device: tap0", "spec.device", "tap0 on Host h1 is wanted already"},
		{"Port/a network: n, device: tap0", "Port/b network: n, device: tap0", "", ""},
		{"Port/a network: n, host: h1", "Port/b network: n, host: h1", "", ""},
		{"Network/a type: vlan, physicalNetwork: p, segmentationID: 7", "Network/b type: vlan, physicalNetwork: p, segmentationID: 7", "spec.segmentationID", "VLAN 7 is wanted already by Network alpha/a"},
		{"Network/a type: vlan, physicalNetwork: p, segmentationID: 7", "Network/b type: vlan, physicalNetwork: q, segmentationID: 7", "", ""},
		{"Network/a type: vlan, physicalNetwork: p", "Network/b type: vlan, physicalNetwork: p", "", ""},
		{"Network/a type: flat, physicalNetwork: p", "Network/b type: flat, physicalNetwork: p", "spec.physicalNetwork",
			"the untagged segment of PhysicalNetwork p is wanted already by Network alpha/a"},
		{"Network/a type: flat, physicalNetwork: p", "Network/b type: flat, physicalNetwork: q", "", ""},
		{"Network/a type: flat, physicalNetwork: p", "Network/b type: vlan, physicalNetwork: p, segmentationID: 7", "", ""},
		{"PhysicalNetwork/a role: management, cidrs: [192.0.2.0/24]", "Network/b type: vlan, physicalNetwork: p, subnets: [{cidr: 10.0.0.0/24}, {cidr: 192.0.0.0/16}]", "spec.subnets[1].cidr",
			"192.0.0.0/16 overlaps 192.0.2.0/24 of PhysicalNetwork a (in f line 2), from which guests are kept"},
		{"PhysicalNetwork/a role: management, cidrs: [192.0.2.0/24]", "Port/b network: n, allowedAddressPairs: [{address: 10.0.0.5}, {address: 192.0.2.9}]", "spec.allowedAddressPairs[1].address", "192.0.2.9/32 overlaps"},
		{"PhysicalNetwork/a role: management, cidrs: [192.0.2.0/24]", "Network/b type: vlan, physicalNetwork: p, subnets: [{cidr: 192.0.3.0/24}], dhcp: {dnsServers: [192.0.3.2]}", "", ""},
		{"PhysicalNetwork/a role: management, cidrs: [192.0.2.0/24]", "PhysicalNetwork/b role: management, cidrs: [192.0.2.0/25]", "", ""},
		{"Router/a networks: [m, n]", "Router/b networks: [k, n]", "spec.networks[1]", "Network alpha/n is wanted already by Router alpha/a"},
		{"Router/a networks: [m], externalNetwork: x", "Router/b networks: [n], externalNetwork: x", "", ""},
		{"FloatingIP/a network: x, address: 192.0.2.9", "FloatingIP/b network: x, address: 192.0.2.9", "spec.address", "192.0.2.9 is wanted already"},
		{"FloatingIP/a network: x, address: 192.0.2.9", "FloatingIP/b network: y, address: 192.0.2.9", "", ""},
		{"FloatingIP/a network: x", "FloatingIP/b network: x", "", ""},
		{"FloatingIP/a network: x, address: 192.0.2.9", "Port/b network: x, addresses: [192.0.2.9]", "spec.addresses[0]", "is wanted already by FloatingIP alpha/a"},
		{"FloatingIP/a network: x, port: p, fixedAddress: 10.0.0.5", "FloatingIP/b network: y, port: p, fixedAddress: 10.0.0.5",
			"spec.fixedAddress", "to be reached at 10.0.0.5 of Port p is wanted already"},
		{"FloatingIP/a network: x, port: p, fixedAddress: 10.0.0.5", "FloatingIP/b network: y, port: q, fixedAddress: 10.0.0.5", "", ""},
		{"FloatingIP/a network: x, port: p", "FloatingIP/b network: y, port: p", "", ""},
		{"AddressPool/a network: x/n, ranges: [{start: 10.0.0.1, end: 10.0.0.9}]", "AddressPool/b network: x/n, ranges: [{start: 10.0.0.10, end: 10.0.0.19}, {start: 10.0.0.9, end: 10.0.0.9}]",
			"spec.ranges[1]", "10.0.0.9 to 10.0.0.9 overlaps 10.0.0.1 to 10.0.0.9 of AddressPool a (in f line 2)"},
		{"AddressPool/a network: x/n, ranges: [{start: 10.0.0.1, end: 10.0.0.9}]", "AddressPool/b network: x/m, ranges: [{start: 10.0.0.1, end: 10.0.0.9}]", "", ""},
		{"AddressPool/a network: x/n, ranges: [{start: 10.0.0.1, end: 10.0.0.9}]", "AddressPool/b network: x/n, ranges: [{start: 10.0.0.10, end: 10.0.0.19}]", "", ""},
		{"Host/a driver: ovs", "Host/a driver: bridge", "metadata.name", "is declared already in f line 2: keep one"},
		{"Project/a", "Host/a driver: ovs", "", ""},
	} {
		errs := together(t, nil, c.first, c.second)
		switch {
		case c.field == "" && len(errs) > 0:
			t.Errorf("%s beside %s: %v", c.second, c.first, errs)
		case c.field != "" && (len(errs) != 1 || errs[0].Field != c.field || !strings.Contains(errs[0].Message, c.text) || errs[0].File != "f" || errs[0].Line < 7):
			t.Errorf("%s beside %s: %v, expected %s: %s", c.second, c.first, errs, c.field, c.text)
		}
	}
}

// TestReferencesOutOfTheSet: a reference to an unknown object is allowed if the objects outside the set are not known. If they are
// known, it is not.
func TestReferencesOutOfTheSet(t *testing.T) {
	t.Parallel()
	const port = "Port/a network: blue, host: h1"
	if errs := together(t, nil, port); len(errs) > 0 {
		t.Errorf("nothing is known of what else there is: %v", errs)
	}
	asked := map[ID]bool{}
	errs := together(t, func(id ID) (Object, bool) { asked[id] = true; return Object{}, id.Kind == KindProject }, port, "Host/h1 driver: ovs")
	if len(errs) != 1 || errs[0].Field != "spec.network" || errs[0].Line != 5 {
		t.Errorf("the network alone is nowhere: %v", errs)
	}
	if !asked[ID{"alpha", KindNetwork, "blue"}] || asked[ID{ClusterProject, KindHost, "h1"}] {
		t.Errorf("asked outside for %v", asked)
	}
	// An object of the set has precedence over an object of the same name outside.
	errs = together(t, func(id ID) (Object, bool) {
		return Object{Kind: KindHost, Metadata: Metadata{Name: "h1"}, Spec: &HostSpec{Bridge: "tap0"}}, true
	}, port+", device: tap0", "Host/h1 driver: ovs")
	if len(errs) > 0 {
		t.Errorf("the host of the set has another bridge: %v", errs)
	}
}
