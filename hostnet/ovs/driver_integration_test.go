//go:build integration

package ovs

import (
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
)

func TestBridgeAndPorts(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.sync()
	b.watch()
	br := ourBridge()
	b.must(create(br))
	same(t, br, b.observe(br.Key()))
	b.veth("tap1")
	b.veth("eth1")
	uplink := &object.Uplink{OwnerUID: hostUID, Bridge: "br-int", Device: "eth1", PhysicalNetwork: "physnet1"}
	b.must(create(guest("tap1")), create(uplink))
	same(t, guest("tap1"), b.observe(guest("tap1").Key()))
	same(t, uplink, b.observe(uplink.Key()))

	var facts object.Facts
	b.d.Facts(&facts)
	f := facts.Interfaces["tap1"]
	if f.OFPort == 0 || !f.Created || f.OwnerUID != guestUID || f.InterfaceID != guestUID || f.Bridge != "br-int" || f.Error != "" {
		t.Errorf("facts of tap1: %+v", f)
	}
	keys, err := b.d.Ours(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []object.Key{br.Key(), guest("tap1").Key(), uplink.Key()} {
		if !slices.Contains(keys, k) {
			t.Errorf("%s is not among ours: %v", k, keys)
		}
	}
	b.must(object.Change{Op: object.Delete, Observed: b.observe(guest("tap1").Key())})
	if o := b.observe(guest("tap1").Key()); o != nil {
		t.Errorf("tap1 is still there: %+v", o)
	}
	b.must(object.Change{Op: object.Delete, Observed: b.observe(uplink.Key())}, object.Change{Op: object.Delete, Observed: b.observe(br.Key())})
	if out := b.ctl("list-br"); strings.Contains(out, "br-int") {
		t.Errorf("bridges: %s", out)
	}
}

func TestOneBadPortHarmsNoOther(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.sync()
	b.must(create(ourBridge()))
	b.veth("tap1")
	long := guest("tap2")
	long.Tag = 5000 // the schema refuses it, so the whole transaction fails
	elsewhere := guest("tap3")
	elsewhere.Bridge = "br-none"
	errs := b.apply(create(long), create(guest("tap1")), create(elsewhere), create(guest("tapmissing")))
	for i, want := range []string{"5000", "<nil>", "bridge br-none is not there", "could not open network device tapmissing"} {
		if !strings.Contains(errorText(errs[i]), want) {
			t.Errorf("error %d is %v, want %q", i, errs[i], want)
		}
	}
	same(t, guest("tap1"), b.observe(guest("tap1").Key()))
}

func TestForeignThingsStay(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.sync()
	b.ctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev")
	var facts object.Facts
	b.sync()
	b.d.Facts(&facts)
	if facts.ForeignBridges["br-int"] == "" {
		t.Errorf("the foreign bridge is not a fact: %v", facts.ForeignBridges)
	}
	if errs := b.apply(create(ourBridge())); !strings.Contains(errorText(errs[0]), "is not ours") {
		t.Errorf("taking a foreign bridge: %v", errs[0])
	}
	b.ctl("del-br", "br-int")
	b.until("the foreign bridge is gone", func() bool { return b.d.database().read().bridges["br-int"] == nil })
	b.must(create(ourBridge()))
	b.veth("other")
	b.ctl("add-port", "br-int", "other")
	b.appeared(guest("other").Key())
	keys, err := b.d.Ours(t.Context())
	if err != nil || slices.Contains(keys, guest("other").Key()) {
		t.Errorf("a stranger's port is ours: %v, %v", keys, err)
	}
	if errs := b.apply(object.Change{Op: object.Delete, Observed: ourBridge()}); !strings.Contains(errorText(errs[0]), `["other"]`) {
		t.Errorf("removing a bridge with a stranger's port: %v", errs[0])
	}
}

func TestAdoption(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.sync()
	b.must(create(ourBridge()))
	b.veth("tap1")
	b.ctl("add-port", "br-int", "tap1", "--", "set", "interface", "tap1", "external_ids:iface-id=abc", "external_ids:vm-uuid=vm")
	want := guest("tap1")
	want.Adopted = true
	observed := b.appeared(want.Key())
	if observed.Owner() != "" || len(want.Diff(observed)) == 0 {
		t.Fatalf("before adoption: %+v", observed)
	}
	if b.alone(want.Key(), "tap1") {
		t.Error("a stranger's port is ours when asked alone")
	}
	before := b.ctl("get", "open_vswitch", ".", "next_cfg")
	b.must(object.Change{Op: object.Update, Desired: want, Observed: observed})
	same(t, want, b.observe(want.Key()))
	if k := b.alone(want.Key(), "tap1", "gone"); !k {
		t.Error("an adopted port is not ours when asked alone")
	}
	if cfg := b.ctl("get", "open_vswitch", ".", "next_cfg"); cfg != before {
		t.Errorf("next_cfg went from %s to %s: nothing waits for marks", before, cfg)
	}
	if ids := b.ctl("get", "interface", "tap1", "external_ids"); !strings.Contains(ids, "iface-id=abc") || strings.Contains(ids, "weft-created") {
		t.Errorf("external_ids: %s", ids)
	}
	b.must(object.Change{Op: object.Delete, Observed: b.observe(want.Key())})
	ids, tag := b.ctl("get", "interface", "tap1", "external_ids"), b.ctl("get", "port", "tap1", "tag")
	if strings.Contains(ids, "weft") || !strings.Contains(ids, "vm-uuid=vm") || strings.TrimSpace(tag) != "[]" {
		t.Errorf("after release: external_ids %s, tag %s", ids, tag)
	}
}

func TestDatabaseDriftIsAnEvent(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.sync()
	b.watch()
	br := ourBridge()
	b.must(create(br))
	b.veth("tap1")
	b.veth("eth1")
	uplink := &object.Uplink{OwnerUID: hostUID, Bridge: "br-int", Device: "eth1", PhysicalNetwork: "physnet1"}
	b.must(create(guest("tap1")), create(uplink))
	desiredOf := map[object.Key]object.Object{br.Key(): br, uplink.Key(): uplink, guest("tap1").Key(): guest("tap1")}
	for _, damage := range []struct {
		key  object.Key
		args []string
	}{
		{guest("tap1").Key(), []string{"clear", "port", "tap1", "tag"}},
		{guest("tap1").Key(), []string{"set", "interface", "tap1", "external_ids:iface-id=other"}},
		{guest("tap1").Key(), []string{"remove", "port", "tap1", "external_ids", "weft-owner"}},
		{guest("tap1").Key(), []string{"set", "interface", "tap1", "mtu_request=1200"}},
		{guest("tap1").Key(), []string{"del-port", "tap1"}},
		{uplink.Key(), []string{"remove", "port", "eth1", "external_ids", "weft-owner"}},
		{uplink.Key(), []string{"set", "interface", "eth1", "external_ids:weft-owner=another"}},
		{br.Key(), []string{"set", "bridge", "br-int", "external_ids:weft-owner=another"}},
		{br.Key(), []string{"set", "bridge", "br-int", "fail_mode=standalone", "other_config:mac-table-size=99"}},
		{br.Key(), []string{"set-controller", "br-int", "tcp:127.0.0.1:6653"}},
		{br.Key(), []string{"set", "bridge", "br-int", "stp_enable=true"}},
	} {
		from := b.seen()
		b.ctl(damage.args...)
		desired := desiredOf[damage.key]
		b.await(from, damage.key.String(), b.drifted(desired))
		observed := b.observe(damage.key)
		change := object.Change{Op: object.Update, Desired: desired, Observed: observed}
		if observed == nil {
			change.Op = object.Create
		} else if len(desired.Diff(observed)) == 0 {
			t.Fatalf("%v: no difference seen", damage.args)
		}
		b.must(change)
		same(t, desired, b.observe(damage.key))
	}
	if out := b.ctl("get-controller", "br-int"); strings.TrimSpace(out) != "" {
		t.Errorf("controllers: %s", out)
	}
}

// alone asks whether one object is ours. It checks that this and the facts of single devices agree with the full lists.
func (b *testbed) alone(k object.Key, devices ...string) bool {
	b.t.Helper()
	all, err := b.d.Ours(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	among, err := b.d.OursAmong(b.t.Context(), []object.Key{k})
	if err != nil {
		b.t.Fatal(err)
	}
	if slices.Contains(all, k) != slices.Contains(among, k) {
		b.t.Errorf("%s alone: %v, among all: %v", k, among, all)
	}
	var whole object.Facts
	b.d.Facts(&whole)
	part := object.Facts{Interfaces: map[string]object.InterfaceFacts{}, ForeignBridges: map[string]string{}}
	b.d.DeviceFacts(devices, &part)
	for _, d := range devices {
		if whole.Interfaces[d] != part.Interfaces[d] {
			b.t.Errorf("facts of %s: %+v alone, %+v in the whole", d, part.Interfaces[d], whole.Interfaces[d])
		}
	}
	return len(among) > 0
}
