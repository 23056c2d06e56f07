package ovs

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/hostnet/ovsdb"
)

func remove(o object.Object) object.Change { return object.Change{Op: object.Delete, Observed: o} }

// updated is the change that makes what is observed as it should be.
func (m *memory) updated(desired object.Object) object.Change {
	m.t.Helper()
	return object.Change{Op: object.Update, Desired: desired, Observed: m.observe(desired.Key())}
}

func uplinkOf(bridge, device string) *object.Uplink {
	return &object.Uplink{OwnerUID: hostUID, Bridge: bridge, Device: device, PhysicalNetwork: "rack"}
}

func someSession() *object.Session {
	return &object.Session{OwnerUID: hostUID, Bridge: "br-int", Device: "wb1", PeerDevice: "wq1", Local: object.MAC{2, 0, 0, 0, 0, 1},
		Remote: object.MAC{2, 0, 0, 0, 0, 2}}
}

// ours lists the keys that are ours, as all and each alone.
func (m *memory) ours(among ...object.Key) (all, alone []string) {
	m.t.Helper()
	keys, err := m.d.Ours(m.t.Context())
	each, errAlone := m.d.OursAmong(m.t.Context(), among)
	if err := errors.Join(err, errAlone); err != nil {
		m.t.Fatal(err)
	}
	return keyNames(keys), keyNames(each)
}

func keyNames(keys []object.Key) (names []string) {
	for _, k := range keys {
		names = append(names, k.String())
	}
	slices.Sort(names)
	return names
}

// TestEachKindOfTheDatabase: what is made is read back, is ours, is in the facts, and goes again.
func TestEachKindOfTheDatabase(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	all := []object.Object{ourBridge(), uplinkOf("br-int", "ethx"), guest("tapx"), someSession()}
	var keys []object.Key
	for _, o := range all {
		m.must(create(o))
		same(t, o, m.observe(o.Key()))
		keys = append(keys, o.Key())
	}
	var wrong []object.Key
	for name, kinds := range map[string][]object.Kind{
		"wq1": {object.KindSession, object.KindOVSPort}, "wb1": {object.KindOVSPort, object.KindUplink},
		"tapx": {object.KindUplink, object.KindSession}, "ethx": {object.KindOVSPort},
		"br-int": {object.KindOVSPort, object.KindUplink}, "none": {object.KindOVSPort, object.KindBridge},
	} {
		for _, kind := range kinds {
			wrong = append(wrong, object.Key{Kind: kind, Name: name})
		}
	}
	for _, k := range wrong {
		if o := m.observe(k); o != nil {
			t.Errorf("%s is %+v", k, o)
		}
	}
	want := keyNames(keys)
	if ours, alone := m.ours(append(slices.Clone(keys), wrong...)...); !slices.Equal(ours, want) || !slices.Equal(alone, want) {
		t.Errorf("ours are %v, and when asked alone %v; want %v", ours, alone, want)
	}
	var facts object.Facts
	m.d.Facts(&facts)
	for name, f := range map[string]object.InterfaceFacts{
		"tapx": {Bridge: "br-int", OwnerUID: guestUID, InterfaceID: guestUID, AttachedMAC: "fa:16:3e:00:00:01", Created: true},
		"ethx": {Bridge: "br-int", OwnerUID: hostUID, Created: true},
		"wb1":  {Bridge: "br-int", OwnerUID: hostUID, Created: true, Session: object.SessionFacts{Known: true}},
		"wq1":  {Bridge: "br-int", OwnerUID: hostUID, Created: true},
	} {
		have := facts.Interfaces[name]
		if have.OFPort == 0 || have.Row == "" {
			t.Errorf("%s has OpenFlow port %d, row %q", name, have.OFPort, have.Row)
		}
		have.OFPort, have.Row = 0, ""
		if have != f {
			t.Errorf("facts of %s are %+v, want %+v", name, have, f)
		}
	}
	if len(facts.Interfaces) != 5 || len(facts.ForeignBridges) != 0 || facts.DatapathType != "netdev" {
		t.Errorf("facts: %+v", facts)
	}
	for _, o := range slices.Backward(all) {
		m.must(remove(o))
		if o := m.observe(o.Key()); o != nil {
			t.Errorf("there is %+v", o)
		}
		m.must(remove(o)) // a second time is nothing
	}
	m.d.DeviceFacts([]string{"tapx", "wb1", "wq1"}, &facts)
	if _, there := facts.Interfaces["ethx"]; !there || len(facts.Interfaces) != 2 {
		t.Errorf("of three devices that were removed the facts say %+v", facts.Interfaces)
	}
	if n := ovsdb.All[*ovsdb.Port](m.db.Client).Len(); n != 0 {
		t.Errorf("%d ports are left", n)
	}
}

// TestDatabaseRefuses: what is not ours, or cannot be, is refused, and nothing is written.
func TestDatabaseRefuses(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	m.plug("br-int", "stranger", nil)
	other := ourBridge()
	other.Name = "br-two"
	m.must(create(other), create(guest("tapx")), create(someSession()))
	m.somebody(ovsdb.Insert(ovsdb.TableBridge, "b", ovsdb.Columns{"name": "br-alien"}),
		m.db.MutateRoot(ovsdb.Include("bridges", named("b"))))
	adopted := guest("gone")
	adopted.Adopted = true
	nobody, nobodys := ourBridge(), guest("tapy")
	nobody.OwnerUID, nobodys.OwnerUID = "", ""
	on := func(bridge, device string) *object.OVSPort { p := guest(device); p.Bridge = bridge; return p }
	alien := ourBridge()
	alien.Name = "br-alien"
	taken, peerTaken := someSession(), someSession()
	taken.Device, peerTaken.Device, peerTaken.PeerDevice = "tapx", "wb2", "tapx"
	before := m.db.Root().NextCfg
	for want, c := range map[string]object.Change{
		"bridge br-none is not there":                        create(on("br-none", "tapy")),
		"bridge br-alien is not ours: it has no external_id": create(on("br-alien", "tapy")),
		"give it that key if Weft may have it":               create(alien),
		"bridge br-int: has no owner":                        create(nobody),
		"port tapy: has no owner":                            create(nobodys),
		"whoever plugged it has taken it away":               create(adopted),
		"the name is that of bridge br-two itself":           create(on("br-int", "br-two")),
		"on bridge br-int, where somebody else put it":       create(on("br-two", "stranger")),
		`ports that Weft did not create: ["stranger"]`:       remove(ourBridge()),
		"port tapx is there already and not the session's":   create(taken),
		"tapx is there already and not the session's":        create(peerTaken),
		"is not of the Open vSwitch database":                create(&object.Link{Name: "tapx"}),
	} {
		text := errorText(m.apply(c)[0])
		if !strings.Contains(text, want) || !strings.HasPrefix(text, c.Key().String()+": ") {
			t.Errorf("%s, want %q", text, want)
		}
	}
	if now := m.db.Root().NextCfg; now != before {
		t.Errorf("%d transactions were made", now-before)
	}
	var facts object.Facts
	m.d.Facts(&facts)
	if why := facts.ForeignBridges; len(why) != 1 || !strings.Contains(why["br-alien"], "is there already, without external_ids:weft-owner") {
		t.Errorf("foreign bridges are %v", why)
	}
}

// TestAnAdoptedPortIsGivenBack: Weft writes its marks and the tag on a port that somebody else plugged, and takes off no more. The
// switch has nothing to carry out then.
func TestAnAdoptedPortIsGivenBack(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	m.plug("br-int", "vnet7", map[any]any{idInterface: "of-vm", idAttachedMAC: "fa:16:3e:00:00:07", "vm-uuid": "vm"})
	want := guest("vnet7")
	want.Adopted = true
	before := m.observe(want.Key())
	cfg := m.db.Root().NextCfg
	m.must(m.updated(want))
	same(t, want, m.observe(want.Key()))
	on := map[string]string{idInterface: "of-vm", idAttachedMAC: "fa:16:3e:00:00:07", "vm-uuid": "vm", idOwner: guestUID}
	if ids := m.ids("vnet7"); !maps.Equal(ids[0], on) || !maps.Equal(ids[1], map[string]string{idOwner: guestUID}) {
		t.Errorf("external_ids are %v", ids)
	}
	if _, alone := m.ours(want.Key()); len(alone) != 1 {
		t.Error("an adopted port is not ours")
	}
	m.must(remove(want))
	if after := m.observe(want.Key()); !reflect.DeepEqual(after, before) {
		t.Errorf("given back is %+v, taken was %+v", after, before)
	}
	if ids := m.ids("vnet7"); len(ids[0]) != 3 || len(ids[1]) != 0 {
		t.Errorf("marks are left: %v", ids)
	}
	if now := m.db.Root().NextCfg; now != cfg {
		t.Errorf("the switch was asked to carry out %d times", now-cfg)
	}
	m.must(m.updated(want))
	m.set(ovsdb.TablePort, "vnet7", ovsdb.Columns{"tag": 9}) // whoever plugged it wants another tag
	m.must(remove(want))
	if o := m.observe(want.Key()).(*object.OVSPort); o.Tag != 9 || o.OwnerUID != "" {
		t.Errorf("somebody's tag was taken off: %+v", o)
	}
}

// ids are the external_ids of a port's interface and of the port.
func (m *memory) ids(device string) [2]map[string]string {
	m.t.Helper()
	p, ok := m.d.database().read().port(device)
	if !ok {
		m.t.Fatalf("no port %s", device)
	}
	return [2]map[string]string{p.iface.ExternalIDs, p.port.ExternalIDs}
}
