package ovs

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/hostnet/ovsdb"
)

// TestSomebodysChangesAreRepaired: each change of what is Weft's is a difference that names the field, and an update puts it right.
func TestSomebodysChangesAreRepaired(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	m.must(create(guest("tapx")), create(uplinkOf("br-int", "ethx")), create(someSession()))
	ids := func(pairs map[any]any) ovsdb.Columns { return ovsdb.Columns{"external_ids": ovsdb.Map{GoMap: pairs}} }
	marks := map[any]any{idOwner: "x", idCreated: "true", idInterface: guestUID, idAttachedMAC: "fa:16:3e:00:00:01"}
	settings := ovsdb.Map{GoMap: map[any]any{"mac-table-size": "2", "theirs": "1"}}
	bfd := map[any]any{}
	for k, v := range sessionSettings(someSession()) {
		bfd[k] = v
	}
	bfd["min_rx"] = "7"
	peer := func(name string) ovsdb.Columns {
		return ovsdb.Columns{"options": ovsdb.Map{GoMap: map[any]any{"peer": name}}}
	}
	for _, c := range []struct {
		of          object.Object
		table, name string
		row         ovsdb.Columns
		field       string
	}{
		{ourBridge(), ovsdb.TableBridge, "br-int", ovsdb.Columns{"fail_mode": "standalone"}, "fail_mode"},
		{ourBridge(), ovsdb.TableBridge, "br-int", ovsdb.Columns{"fail_mode": ovsdb.EmptySet()}, "fail_mode"},
		{ourBridge(), ovsdb.TableBridge, "br-int", ovsdb.Columns{"datapath_type": ""}, "datapath_type: system → netdev"},
		{ourBridge(), ovsdb.TableBridge, "br-int", ovsdb.Columns{"protocols": ovsdb.SetOf("OpenFlow10")}, "protocols"},
		{ourBridge(), ovsdb.TableBridge, "br-int", ovsdb.Columns{"stp_enable": true}, "stp_enable"},
		{ourBridge(), ovsdb.TableBridge, "br-int", ovsdb.Columns{"rstp_enable": true}, "rstp_enable"},
		{ourBridge(), ovsdb.TableBridge, "br-int", ids(map[any]any{idOwner: "x"}), "weft-owner"},
		{ourBridge(), ovsdb.TableBridge, "br-int", ovsdb.Columns{"other_config": settings}, "mac-table-size"},
		{guest("tapx"), ovsdb.TablePort, "tapx", ovsdb.Columns{"tag": 3}, "tag"},
		{guest("tapx"), ovsdb.TablePort, "tapx", ovsdb.Columns{"tag": ovsdb.EmptySet()}, "tag"},
		{guest("tapx"), ovsdb.TableInterface, "tapx", ovsdb.Columns{"mtu_request": 1400}, "mtu_request"},
		{guest("tapx"), ovsdb.TablePort, "tapx", ids(map[any]any{idCreated: "true"}), "weft-owner"},
		{guest("tapx"), ovsdb.TableInterface, "tapx", ids(marks), "weft-owner"},
		{guest("tapx"), ovsdb.TableInterface, "tapx", ids(map[any]any{idOwner: guestUID, idCreated: "true"}), "iface-id"},
		{uplinkOf("br-int", "ethx"), ovsdb.TableInterface, "ethx", ids(map[any]any{idOwner: hostUID, idPhysicalNetwork: "y"}),
			"weft-physical-network"},
		{uplinkOf("br-int", "ethx"), ovsdb.TableInterface, "ethx", ovsdb.Columns{"mtu_request": 1400}, "mtu_request"},
		{someSession(), ovsdb.TableInterface, "wb1", ovsdb.Columns{"bfd": ovsdb.Map{GoMap: bfd}}, `bfd:min_rx is "7"`},
		{someSession(), ovsdb.TableInterface, "wb1", ovsdb.Columns{"bfd": ovsdb.Map{GoMap: map[any]any{}}}, "bfd_local_src_mac"},
		{someSession(), ovsdb.TableInterface, "wb1", ovsdb.Columns{"type": "internal"}, `wb1 has type "internal"`},
		{someSession(), ovsdb.TableInterface, "wb1", peer("tapx"), "peer"},
		{someSession(), ovsdb.TableInterface, "wq1", peer("tapx"), "wq1 is not the other end of wb1"},
		{someSession(), ovsdb.TableInterface, "wq1", ovsdb.Columns{"type": "internal"}, "wq1 is not the other end of wb1"},
		{someSession(), ovsdb.TableInterface, "wq1", ovsdb.Columns{"bfd": ovsdb.Map{GoMap: bfd}}, "wq1 is not the other end of wb1"},
		{someSession(), ovsdb.TablePort, "wb1", ids(map[any]any{}), "weft-owner"},
	} {
		m.set(c.table, c.name, c.row)
		o := m.observe(c.of.Key())
		if o == nil {
			t.Errorf("%s: after %v it is not there", c.of.Key(), c.row)
			continue
		}
		var texts []string
		for _, d := range c.of.Diff(o) {
			texts = append(texts, d.String())
		}
		if !strings.Contains(strings.Join(texts, "\n"), c.field) {
			t.Errorf("%s: after %v the differences are %q, want %q", c.of.Key(), c.row, texts, c.field)
		}
		cfg := m.db.Root().NextCfg
		m.must(m.updated(c.of))
		same(t, c.of, m.observe(c.of.Key()))
		if _, guests := c.of.(*object.OVSPort); !guests && m.db.Root().NextCfg == cfg {
			t.Errorf("%s: after %v was repaired, nobody waited for the switch", c.of.Key(), c.row)
		}
	}
	if v := m.db.read().bridges["br-int"].OtherConfig["theirs"]; v != "1" {
		t.Errorf("a setting of somebody else is %q", v)
	}
}

// TestControllersAreTakenOff: a controller is seen with its target.
func TestControllersAreTakenOff(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	m.somebody(ovsdb.Insert(ovsdb.TableController, "c", ovsdb.Columns{"target": "ptcp:6653"}),
		ovsdb.Mutate(ovsdb.TableBridge, ovsdb.WhereName("br-int"), ovsdb.Include("controller", named("c"))))
	if o := m.observe(ourBridge().Key()).(*object.Bridge); !slices.Equal(o.Controllers, []string{"ptcp:6653"}) {
		t.Errorf("controllers %v", o.Controllers)
	}
	m.must(m.updated(ourBridge()))
	same(t, ourBridge(), m.observe(ourBridge().Key()))
}

// TestAPortMovesToItsBridge: a port that Weft plugged elsewhere is moved. Its row, and so its number, stays.
func TestAPortMovesToItsBridge(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	other := ourBridge()
	other.Name = "br-two"
	moved := guest("tapx")
	moved.Bridge = "br-two"
	m.must(create(other), create(guest("tapx")))
	p, _ := m.d.database().read().port("tapx")
	m.must(m.updated(moved))
	same(t, moved, m.observe(moved.Key()))
	now, _ := m.d.database().read().port("tapx")
	if now.iface.UUID != p.iface.UUID || slices.Contains(m.db.read().bridges["br-int"].Ports, p.port.UUID) {
		t.Error("the port is another one, or is on both bridges")
	}
}

// TestOneRefusedChangeHarmsNoOther: the server refuses a whole transaction because of one change, and the others are made without it.
func TestOneRefusedChangeHarmsNoOther(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	m.plug("br-int", "taken", nil)
	taken := ourBridge()
	taken.Name = "taken" // its own port would have the name of one that is there
	errs := m.apply(create(guest("tapa")), create(taken), create(guest("tapb")), create(guest(broken)), create(guest("tapc")))
	for i, want := range []string{"<nil>", "bridge/taken: ", "<nil>", "could not open network device tapbroken", "<nil>"} {
		if !strings.Contains(errorText(errs[i]), want) {
			t.Errorf("error %d is %v, want %q", i, errs[i], want)
		}
	}
	for _, device := range []string{"tapa", "tapb", "tapc"} {
		same(t, guest(device), m.observe(guest(device).Key()))
	}
	var facts object.Facts
	m.d.Facts(&facts)
	if f := facts.Interfaces[broken]; f.OFPort != 0 || !strings.Contains(f.Error, "could not open") {
		t.Errorf("facts of a device that cannot be opened: %+v", f)
	}
}

// TestASilentSwitchIsGivenUp: what is in the database and is not carried out counts as not done.
func TestASilentSwitchIsGivenUp(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	m.db.Close() // the switch ends
	m.flows.fail(errSwitchLost)
	err := m.apply(create(guest("tapx")))[0]
	if !errors.Is(err, errSwitchLost) || !strings.Contains(err.Error(), "ovs-vswitchd has not carried it out") {
		t.Errorf("error %v", err)
	}
}

// TestASessionThatFellApart: an end on another bridge is a deviation, and a session of which only one end is left is still ours.
func TestASessionThatFellApart(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	other := ourBridge()
	other.Name = "br-two"
	m.must(create(other), create(someSession()))
	wire, _ := m.d.database().read().port("wq1")
	id := named(wire.port.UUID)
	lose := ovsdb.Mutate(ovsdb.TableBridge, ovsdb.WhereName("br-int"), ovsdb.Exclude("ports", id))
	m.somebody(lose, ovsdb.Mutate(ovsdb.TableBridge, ovsdb.WhereName("br-two"), ovsdb.Include("ports", id)))
	if s := m.observe(someSession().Key()).(*object.Session); !slices.Equal(s.Deviations, []string{"wq1 is not the other end of wb1"}) {
		t.Errorf("deviations are %q", s.Deviations)
	}
	m.must(m.updated(someSession()))
	same(t, someSession(), m.observe(someSession().Key()))
	marks := ovsdb.Map{GoMap: map[any]any{idOwner: hostUID, idCreated: "true"}}
	m.set(ovsdb.TableInterface, "wb1", ovsdb.Columns{"external_ids": marks})
	if all, _ := m.ours(); !slices.Contains(all, "bfd-session/wb1") || m.observe(someSession().Key()) != nil {
		t.Errorf("ours are %v", all)
	}
	m.must(remove(someSession()))
	if all, _ := m.ours(); slices.Contains(all, "bfd-session/wb1") {
		t.Errorf("after its removal ours are %v", all)
	}
}

// TestFactsByThemselves: facts that nobody asked for before are whole, and a foreign bridge has no flow sets.
func TestFactsByThemselves(t *testing.T) {
	t.Parallel()
	m := withBridge(t)
	m.must(create(uplinkOf("br-int", "ethx")), create(someSession()))
	m.said(map[any]any{"state": "up"}, "up")
	var f object.Facts
	m.d.Facts(&f)
	if s := f.Interfaces["wb1"].Session; !s.Converged || !s.Up {
		t.Errorf("a session that is up is %+v", s)
	}
	f.DatapathType = ""
	if m.d.DeviceFacts(nil, &f); f.DatapathType != "netdev" {
		t.Error("the datapath's type is missing")
	}
	m.somebody(ovsdb.Insert(ovsdb.TableBridge, "b", ovsdb.Columns{"name": "br-alien"}), m.db.MutateRoot(ovsdb.Include("bridges", named("b"))))
	if _, alone := m.ours(flowSetKey("br-alien", 1)); len(alone) != 0 {
		t.Errorf("of a foreign bridge %v is ours", alone)
	}
	for n, want := range map[int]uint16{-1: 0, 0: 0, 1: 1, 65535: 65535, 65536: 0} {
		if got := (portRecord{iface: &ovsdb.Interface{OFPort: &n}}).number(); got != want {
			t.Errorf("number %d is read as %d", n, got)
		}
	}
	if got := (portRecord{iface: &ovsdb.Interface{}}).number(); got != 0 {
		t.Errorf("no number is read as %d", got)
	}
}
