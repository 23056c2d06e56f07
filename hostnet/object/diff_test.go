package object_test

import (
	"reflect"
	"strings"
	"testing"
	"unicode"

	"weft/hostnet/object"
)

// identity are the fields that make up the key. With another value it is another object.
var identity = paths(`
	Bridge.Name Uplink.Device OVSPort.Device Session.Device Meter.Bridge Meter.ID FlowSet.Bridge FlowSet.Cookie Link.Name Qdisc.Device
	DHCPBinding.Device RABinding.Device MetadataBinding.Device Activation.Device Announcement.OwnerUID Announcement.Part
	Namespace.Name Veth.Namespace Veth.Name Addresses.Namespace Addresses.Device Route.Namespace Route.Table Route.Destination
	Rule.Namespace Rule.Priority Rule.From Neighbor.Namespace Neighbor.Device Neighbor.Address Proxy.Namespace Proxy.Device Proxy.Address
	NATTable.Namespace NATMapping.Namespace NATMapping.Floating
	VLANDevice.Name LinuxBridge.Name BridgePort.Device PortSecurityElements.Name TagFilter.Device PortSecurityUplink.Device SilentDevice.Device
	FilterNetwork.Bridge FilterPort.Device FilterGroup.Number FilterMembers.Group FilterMembers.Bridge FilterMembers.Shard`)

// uncompared are the fields that are never a difference, and why.
var uncompared = map[string]string{
	"OVSPort.Adopted":   "who made the interface is read off the marks that Weft sets on it, which are compared",
	"Meter.OwnerUID":    "a meter carries no mark; its id is the port's",
	"FlowSet.OwnerUID":  "the cookie is the owner's",
	"FlowSet.Feature":   "the cookie is the feature's",
	"FlowSet.Guest":     "it is for warnings only",
	"Link.OwnerUID":     "a netdev that somebody else made carries no mark",
	"Qdisc.OwnerUID":    "a netdev that somebody else made carries no mark",
	"Route.OwnerUID":    "the kernel holds no owner of a route",
	"Rule.OwnerUID":     "the kernel holds no owner of a rule",
	"Neighbor.OwnerUID": "the kernel holds no owner of a neighbour",
	"Proxy.OwnerUID":    "the kernel holds no owner of a proxy entry",

	"Addresses.OwnerUID":            "the kernel holds no owner of addresses",
	"NATTable.OwnerUID":             "a table is its namespace's, which has the owner",
	"NATMapping.OwnerUID":           "elements of maps carry no owner",
	"BridgePort.OwnerUID":           "the kernel holds no owner of a port",
	"PortSecurity.OwnerUID":         "the table is the host's",
	"PortSecurityElements.OwnerUID": "elements carry the name that they are about",
	"TagFilter.OwnerUID":            "the program is recognised by its name and content",
	"PortSecurityUplink.OwnerUID":   "the chain has the device's name",
	"BridgeFilter.OwnerUID":         "the table is the host's",
	"FilterNetwork.OwnerUID":        "elements carry no owner",
	"FilterPort.OwnerUID":           "chains carry the device's name",
	"FilterGroup.OwnerUID":          "chains carry the group's number",
	"FilterMembers.OwnerUID":        "elements carry the shard",
	"FilterMembers.Router":          "a shard of a network has none; TestFilterMembersOfARouter tries those of routers",
	"HostFilter.OwnerUID":           "the tables are the host's",
	"SilentDevice.OwnerUID":         "elements carry no owner",
}

// oneSided are the fields that are a difference only if they are desired, and why.
var oneSided = map[string]string{
	"Link.NoIPv6": "where Weft does not want IPv6 off, it is the operator's to switch off or on",
}

// words is how Diff names a field if it does not use the field's own name.
var words = map[string]string{
	"Bridge.OwnerUID": "weft-owner", "Bridge.LocalConfig": "port configuration", "Bridge.Settings.Key": "other_config",
	"Bridge.Settings.Value": "other_config", "Bridge.SpanningTree": "stp_enable", "Bridge.Controllers": "controller",
	"Uplink.OwnerUID": "weft-owner", "Uplink.Config": "port configuration", "Uplink.Attachment": "promiscuous",
	"OVSPort.OwnerUID": "weft-owner", "OVSPort.InterfaceID": "iface-id", "OVSPort.Config": "port configuration",
	"OVSPort.Attachment": "promiscuous",
	"Session.OwnerUID":   "weft-owner", "Session.PeerDevice": "peer", "Session.Local": "bfd_local_src_mac", "Session.Remote": "bfd_local_dst_mac",
	"DHCPBinding.V4": "ipv4", "DHCPBinding.V6": "ipv6", "Addresses.Prefixes": "addresses", "BridgePort.Strange": "other settings",
	"FlowSet.Flows": "flow", "PortSecurityElements.Elements": "element", "FilterMembers.Members": "member",
}

func paths(text string) map[string]bool {
	all := map[string]bool{}
	for _, p := range strings.Fields(text) {
		all[p] = true
	}
	return all
}

// compared says whether Diff compares the field. After is an order and not a state.
func compared(path string) bool {
	return !identity[path] && uncompared[path] == "" && !strings.Contains(path+".", ".After.")
}

// TestEqualObjectsDoNotDiffer takes objects of every kind, with all fields filled and with none.
func TestEqualObjectsDoNotDiffer(t *testing.T) {
	t.Parallel()
	for _, like := range kinds {
		for _, o := range []object.Object{like, sample(like, 1), sample(like, 2)} {
			if d := o.Diff(clone(o)); len(d) > 0 {
				t.Errorf("two equal %s differ: %v", name(like), d)
			}
		}
	}
}

// TestEachFieldAloneDiffers: if a single field has another value, it is another object, or there is one difference that names the
// field and both values, or the field is in the table of uncompared fields.
func TestEachFieldAloneDiffers(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, like := range kinds {
		for _, f := range fieldsOf(like) {
			seen[f.path] = true
			want, have := sample(like, 1), sample(like, 1)
			fill(f.at(reflect.ValueOf(have)), 2)
			if same := want.Key() == have.Key(); same == identity[f.path] {
				t.Errorf("%s: the key is the same: %v; correct the table identity, or the key", f.path, same)
				continue
			}
			if !identity[f.path] {
				if oneSided[f.path] != "" {
					differsOnce(t, f.path, want, have)
					continue
				}
				differs(t, f.path, want, have)
				differs(t, f.path, have, want)
			}
		}
	}
	for _, table := range []map[string]bool{identity, keysOf(uncompared), keysOf(oneSided)} {
		for path := range table {
			if !seen[path] {
				t.Errorf("%s is in a table and is no field", path)
			}
		}
	}
}

func keysOf(table map[string]string) map[string]bool {
	all := map[string]bool{}
	for k := range table {
		all[k] = true
	}
	return all
}

// differs expects one difference for a compared field, and none for another.
func differs(t *testing.T, path string, want, have object.Object) {
	t.Helper()
	d := want.Diff(have)
	if !compared(path) {
		if len(d) > 0 {
			t.Errorf("%s is no difference, the table says: %v", path, d)
		}
		return
	}
	if len(d) == 0 {
		t.Errorf("%s alone differs, and nobody sees it: compare it in Diff, or say in the table uncompared why not", path)
		return
	}
	if len(d) > 1 && !listed(path) {
		t.Errorf("%s alone differs, and these are told: %v", path, d)
	}
	for _, x := range d {
		if !strings.Contains(plain(x.Field), plain(wordOf(path))) {
			t.Errorf("%s: the difference %q does not name it", path, x)
		}
		if x.Observed == x.Desired || !strings.Contains(x.String(), " → ") || strings.HasSuffix(x.String(), "→ ") {
			t.Errorf("%s: the difference %q does not say what is and what should be", path, x)
		}
	}
}

// differsOnce expects a one-sided field to be a difference if it is desired, and only then.
func differsOnce(t *testing.T, path string, a, b object.Object) {
	t.Helper()
	if len(a.Diff(b)) == 0 {
		a, b = b, a
	}
	differs(t, path, a, b)
	if d := b.Diff(a); len(d) > 0 {
		t.Errorf("%s is a difference where it is not desired: %v", path, d)
	}
}

// listed are lists whose elements differ separately: one is missing, another is extra.
func listed(path string) bool {
	return strings.HasPrefix(path, "FlowSet.Flows.") || path == "FilterMembers.Members" || strings.HasPrefix(path, "PortSecurityElements.Elements.") || path == "Bridge.Settings.Key"
}

// wordOf is how a difference should name the field: by the word in the table for it or its parent, else by its own name.
func wordOf(path string) string {
	for p := path; p != ""; p = p[:max(strings.LastIndex(p, "."), 0)] {
		if w, ok := words[p]; ok {
			return w
		}
	}
	_, fieldName, _ := strings.Cut(path, ".")
	if strings.HasPrefix(path, "Veth.Peer.MAC") {
		return "peer mac"
	}
	fieldName, _, _ = strings.Cut(fieldName, ".")
	return strings.TrimSuffix(fieldName, "UID")
}

// plain keeps only letters and digits, so that "peer mac" equals PeerMAC and "datapath_type" equals DatapathType.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// TestLostFieldDiffers: a value that the host has lost is a difference, except in fields where that means "unknown".
func TestLostFieldDiffers(t *testing.T) {
	t.Parallel()
	for _, like := range kinds {
		v := reflect.ValueOf(like).Elem()
		for i := range v.NumField() {
			path := name(like) + "." + v.Type().Field(i).Name
			want, have := sample(like, 1), sample(like, 1)
			lost := reflect.ValueOf(have).Elem().Field(i)
			if lost.IsZero() || identity[path] { // a bool is false anyway
				continue
			}
			lost.SetZero()
			seen := compared(path) && path != "Bridge.Fragments" && path != "FilterGroup.Rules"
			if d := want.Diff(have); (len(d) > 0) != seen {
				t.Errorf("%s is lost: %v", path, d)
			}
		}
	}
}

// TestOrderOfSetsIsNone: the kernel and OVS return elements in any order. Lists that are sent to a guest have an order.
func TestOrderOfSetsIsNone(t *testing.T) {
	t.Parallel()
	ordered := paths(`Announcement.Addresses DHCPBinding.DNS DHCPBinding.NTP DHCPBinding.V4 DHCPBinding.V6 RABinding.Prefixes RABinding.DNS
		MetadataBinding.Services MetadataBinding.Sources MetadataBinding.Addresses MetadataBinding.Gateways MetadataBinding.Routes MetadataBinding.DNS
		MetadataBinding.UserData MetadataBinding.SSHKeys MetadataBinding.Words`)
	for _, like := range kinds {
		v := reflect.ValueOf(like).Elem()
		for i := range v.NumField() {
			path := name(like) + "." + v.Type().Field(i).Name
			if v.Field(i).Kind() != reflect.Slice || !compared(path) {
				continue
			}
			want, have := sample(like, 1), sample(like, 1)
			for _, turn := range []struct {
				o     object.Object
				first int
			}{{want, 1}, {have, 2}} {
				list := reflect.ValueOf(turn.o).Elem().Field(i)
				list.Set(reflect.MakeSlice(list.Type(), 2, 2))
				fill(list.Index(0), turn.first)
				fill(list.Index(1), 3-turn.first)
			}
			if d := want.Diff(have); (len(d) > 0) != ordered[path] {
				t.Errorf("%s in another order differs: %v", path, d)
			}
		}
	}
}
