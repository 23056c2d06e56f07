package planner

import (
	"fmt"
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

// step is one event, with what must be true of some objects after it.
type step struct {
	put    map[model.ID]string
	remove []model.ID
	want   map[model.ID]string // phase, then a part of each reason; or "gone"
	addr   map[model.ID]string // allocated addresses, and VLAN of networks
}

// TestSmallSubnets: which addresses of the smallest blocks are given, and whose the gateway outside of a block is.
func TestSmallSubnets(t *testing.T) {
	t.Parallel()
	runSteps(t, map[string][]step{
		"every address of a single address or a link of two is a guest's": {
			{
				put: map[model.ID]string{
					fixture.Blue: `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[
						{"cidr":"10.0.0.7/32","gateway":"192.0.2.1"},{"cidr":"10.0.0.8/31","gateway":"192.0.2.1"},
						{"cidr":"2001:db8::7/128","gateway":"fe80::1"},{"cidr":"2001:db8::8/127","gateway":"2001:db8::8"}]}}`,
					fixture.Port("a"): `{"spec":{"network":"blue"}}`, fixture.Port("b"): `{"spec":{"network":"blue"}}`, fixture.Port("c"): `{"spec":{"network":"blue"}}`,
				},
				want: map[model.ID]string{fixture.Blue: "Accepted", fixture.Port("c"): "Pending|no free address is left in 2001:db8::7/128, 2001:db8::8/127"},
				addr: map[model.ID]string{fixture.Port("a"): "2001:db8::7 10.0.0.7", fixture.Port("b"): "2001:db8::9 10.0.0.8"},
			},
		},
		"a block of four has room for a gateway and a guest": {
			{
				put: map[model.ID]string{
					fixture.Blue:      `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.0.0.4/30","gateway":"10.0.0.5"}]}}`,
					fixture.Port("a"): `{"spec":{"network":"blue"}}`, fixture.Port("b"): `{"spec":{"network":"blue"}}`,
				},
				want: map[model.ID]string{fixture.Port("b"): "Pending|no free address is left in 10.0.0.4/30"},
				addr: map[model.ID]string{fixture.Port("a"): "10.0.0.6"},
			},
		},
		"a gateway outside of its subnet belongs to the network, wherever it is": {
			{
				put: map[model.ID]string{
					fixture.Blue: `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[
						{"cidr":"10.0.0.7/32","gateway":"10.1.0.9"},{"cidr":"10.1.0.0/24","gateway":"10.1.0.9"}]}}`,
					fixture.Port("a"): `{"spec":{"network":"blue","addresses":["10.1.0.9"]}}`,
					fixture.Port("b"): `{"spec":{"network":"blue","addresses":["10.0.0.7"]}}`,
				},
				want: map[model.ID]string{fixture.Port("a"): "Invalid|10.1.0.9 is the gateway of 10.1.0.0/24", fixture.Port("b"): "Accepted"},
			},
		},
	})
}

// TestAddressAllocation: who gets which address, and what happens to a released one.
func TestAddressAllocation(t *testing.T) {
	t.Parallel()
	small := `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.0.0.0/29"}]}}`
	runSteps(t, map[string][]step{
		"both families, IPv6 first; the gateway's and the server's addresses are spared": {
			{put: map[model.ID]string{fixture.Port("a"): `{"spec":{"network":"blue"}}`}, addr: map[model.ID]string{fixture.Port("a"): "fd00:1::2 10.0.0.3"}},
		},
		"an explicit address replaces that family's, the other stays": {
			{put: map[model.ID]string{fixture.Port("a"): `{"spec":{"network":"blue"}}`}},
			{put: map[model.ID]string{fixture.Port("a"): `{"spec":{"network":"blue","addresses":["10.0.9.9"]}}`}, addr: map[model.ID]string{fixture.Port("a"): "fd00:1::2 10.0.9.9"}},
			{put: map[model.ID]string{fixture.Port("a"): `{"spec":{"network":"blue","addresses":["10.0.9.9","10.0.9.8"]}}`}, addr: map[model.ID]string{fixture.Port("a"): "fd00:1::2 10.0.9.9 10.0.9.8"}},
		},
		"a conflict goes to the lower create revision and names the owner": {
			{
				put: map[model.ID]string{
					fixture.Port("a"): `{"spec":{"network":"blue","addresses":["10.0.0.50"],"mac":"fa:16:3e:00:00:01"}}`,
					fixture.Port("b"): `{"spec":{"network":"blue","addresses":["10.0.0.50"],"mac":"fa:16:3e:00:00:01"}}`,
				},
				want: map[model.ID]string{fixture.Port("a"): "Accepted", fixture.Port("b"): "Invalid|spec.mac: MAC fa:16:3e:00:00:01 belongs to Port alpha/a|spec.addresses[0]: address 10.0.0.50 belongs to Port alpha/a"},
			},
		},
		"a released address is not reused, but its own name may ask for it again": {
			{put: map[model.ID]string{fixture.Port("a"): `{"spec":{"network":"blue","addresses":["10.0.0.50"]}}`}},
			{remove: []model.ID{fixture.Port("a")}, want: map[model.ID]string{fixture.Port("a"): "gone"}},
			{
				put:  map[model.ID]string{fixture.Port("b"): `{"spec":{"network":"blue","addresses":["10.0.0.50"]}}`},
				want: map[model.ID]string{fixture.Port("b"): "Pending|address 10.0.0.50 was released by Port alpha/a"},
			},
			{put: map[model.ID]string{fixture.Port("a"): `{"spec":{"network":"blue","addresses":["10.0.0.50"]}}`}, want: map[model.ID]string{fixture.Port("a"): "Accepted"}},
		},
		"a full subnet makes ports wait": {
			{
				put: map[model.ID]string{
					fixture.Blue: small, fixture.Port("a"): `{"spec":{"network":"blue"}}`, fixture.Port("b"): `{"spec":{"network":"blue"}}`,
					fixture.Port("c"): `{"spec":{"network":"blue"}}`, fixture.Port("d"): `{"spec":{"network":"blue"}}`, fixture.Port("e"): `{"spec":{"network":"blue"}}`,
				},
				want: map[model.ID]string{fixture.Port("d"): "Accepted", fixture.Port("e"): "Pending|no free address is left in 10.0.0.0/29"},
				addr: map[model.ID]string{fixture.Port("d"): "10.0.0.6"},
			},
		},
		"a reserved address belongs to the network": {
			{
				put:  map[model.ID]string{fixture.Port("a"): `{"spec":{"network":"blue","addresses":["10.0.0.2"]}}`},
				want: map[model.ID]string{fixture.Port("a"): "Invalid|address 10.0.0.2 belongs to Network alpha/blue"},
			},
		},
		"a gateway cannot take a port's address": {
			{put: map[model.ID]string{fixture.Port("a"): `{"spec":{"network":"blue","addresses":["10.0.0.50"]}}`}},
			{
				put:  map[model.ID]string{fixture.Blue: strings.Replace(fixture.BlueSpec, `"10.0.0.0/16"`, `"10.0.0.0/16","gateway":"10.0.0.50"`, 1)},
				want: map[model.ID]string{fixture.Blue: "Invalid|spec.subnets[0].gateway: gateway address 10.0.0.50 belongs to Port alpha/a"},
			},
		},
	})
}

// TestNetworkAllocation: subnets and segments.
func TestNetworkAllocation(t *testing.T) {
	t.Parallel()
	red := model.ID{Project: "alpha", Kind: model.KindNetwork, Name: "red"}
	runSteps(t, map[string][]step{
		"a subnet in use cannot go": {
			{put: map[model.ID]string{fixture.Port("a"): `{"spec":{"network":"blue"}}`}},
			{
				put:  map[model.ID]string{fixture.Blue: `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"fd00:1::/64"}]}}`},
				want: map[model.ID]string{fixture.Blue: "Invalid|subnet 10.0.0.0/16 is gone, but Port alpha/a still has 10.0.0.3"},
			},
		},
		"a new subnet reaches the ports that are there": {
			{put: map[model.ID]string{fixture.Blue: `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"fd00:1::/64"}]}}`, fixture.Port("a"): `{"spec":{"network":"blue"}}`}, addr: map[model.ID]string{fixture.Port("a"): "fd00:1::2"}},
			{put: map[model.ID]string{fixture.Blue: fixture.BlueSpec}, addr: map[model.ID]string{fixture.Port("a"): "fd00:1::2 10.0.0.3"}},
		},
		"segments: explicit, lowest free, out of range, taken": {
			{
				put: map[model.ID]string{
					red: `{"spec":{"type":"vlan","physicalNetwork":"physnet1","segmentationID":150}}`,
					{Project: "alpha", Kind: model.KindNetwork, Name: "far"}:  `{"spec":{"type":"vlan","physicalNetwork":"physnet1","segmentationID":4000}}`,
					{Project: "alpha", Kind: model.KindNetwork, Name: "same"}: `{"spec":{"type":"vlan","physicalNetwork":"physnet1","segmentationID":150}}`,
				},
				want: map[model.ID]string{
					{Project: "alpha", Kind: model.KindNetwork, Name: "far"}:  "Invalid|spec.segmentationID: 4000 is outside",
					{Project: "alpha", Kind: model.KindNetwork, Name: "same"}: "Invalid|spec.segmentationID: VLAN 150 of physical network physnet1 belongs to Network alpha/red",
				},
				addr: map[model.ID]string{fixture.Blue: "100", red: "150"},
			},
		},
	})
}

// TestAcceptance: what stays in force when an object, or what it refers to, is invalid, missing or being deleted.
func TestAcceptance(t *testing.T) {
	t.Parallel()
	red := model.ID{Project: "alpha", Kind: model.KindNetwork, Name: "red"}
	runSteps(t, map[string][]step{
		"an invalid overwrite keeps what was accepted": {
			{put: map[model.ID]string{fixture.Port("a"): `{"spec":{"network":"blue"}}`}},
			{
				put:  map[model.ID]string{fixture.Port("a"): `{"spec":{"network":"blue","addresses":["192.0.2.1"],"colour":1}}`},
				want: map[model.ID]string{fixture.Port("a"): "Invalid|colour"}, addr: map[model.ID]string{fixture.Port("a"): "fd00:1::2 10.0.0.3"},
			},
		},
		"a reference that dangles is invalid until it stands": {
			{put: map[model.ID]string{fixture.Port("a"): `{"spec":{"network":"red"}}`}, want: map[model.ID]string{fixture.Port("a"): "Invalid|spec.network: Network alpha/red does not exist"}},
			{put: map[model.ID]string{red: fixture.BlueSpec}, want: map[model.ID]string{fixture.Port("a"): "Accepted"}},
		},
		"a deletion waits for the last reference": {
			{put: map[model.ID]string{fixture.Port("a"): `{"spec":{"network":"blue"}}`}},
			{remove: []model.ID{fixture.Blue}, want: map[model.ID]string{fixture.Blue: "Pending|still used by Port alpha/a"}, addr: map[model.ID]string{fixture.Blue: "100"}},
			{put: map[model.ID]string{fixture.Port("b"): `{"spec":{"network":"blue"}}`}, want: map[model.ID]string{fixture.Port("b"): "Invalid|does not exist"}},
			{remove: []model.ID{fixture.Port("a")}, want: map[model.ID]string{fixture.Port("a"): "gone", fixture.Blue: "gone"}},
		},
		"a network that was itself not accepted makes ports wait": {
			{
				put: map[model.ID]string{
					red:               `{"spec":{"type":"vlan","physicalNetwork":"nowhere"}}`,
					fixture.Port("a"): `{"spec":{"network":"red"}}`,
				},
				want: map[model.ID]string{red: "Invalid|PhysicalNetwork nowhere does not exist", fixture.Port("a"): "Pending|waits for Network alpha/red"},
			},
		},
	})
}

// TestDeviceAllocation: devices and interface ids, explicit and by default.
func TestDeviceAllocation(t *testing.T) {
	t.Parallel()
	const victim = "aaaaaaaa-bbbb-4000-8000-000000000000"
	project2 := model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: "evil"}
	stranger := func(name string) model.ID { return model.ID{Project: "evil", Kind: model.KindPort, Name: name} }
	runSteps(t, map[string][]step{
		"the same device twice on a host": {
			{
				put: map[model.ID]string{
					fixture.Port("a"): `{"spec":{"network":"blue","host":"h1","device":"tap0"}}`,
					fixture.Port("b"): `{"spec":{"network":"blue","host":"h1","device":"tap0"}}`,
					fixture.Port("c"): `{"spec":{"network":"blue","host":"h2","device":"tap0"}}`,
				},
				want: map[model.ID]string{fixture.Port("a"): "Accepted", fixture.Port("b"): "Invalid|spec.device: device tap0 on host h1 belongs to Port alpha/a", fixture.Port("c"): "Accepted"},
			},
			{remove: []model.ID{fixture.Port("a")}, want: map[model.ID]string{fixture.Port("b"): "Accepted"}},
		},
		"the default device of a port is nobody else's on any host": {
			{put: map[model.ID]string{
				project2:                 `{"spec":{}}`,
				fixture.Port(victim):     `{"spec":{"network":"blue","host":"h1"}}`,
				fixture.Port("explicit"): `{"spec":{"network":"blue","interfaceID":"cccccccc-1111"}}`,
			}},
			{
				put: map[model.ID]string{
					stranger("device"): `{"spec":{"network":"alpha/blue","host":"h2","device":"tapaaaaaaaa-bb"}}`,
					stranger("aaaaaaaa-bbbb-4000-8000-000000000001"): `{"spec":{"network":"alpha/blue","host":"h2"}}`,
					stranger("interface"):                            `{"spec":{"network":"alpha/blue","host":"h2","interfaceID":"` + victim + `","device":"tap7"}}`,
					stranger("prefix"):                               `{"spec":{"network":"alpha/blue","host":"h2","interfaceID":"aaaaaaaa-bb"}}`,
					stranger("unplaced"):                             `{"spec":{"network":"alpha/blue","host":"h2","device":"tapcccccccc-11"}}`,
					stranger("named"):                                `{"spec":{"network":"alpha/blue","host":"h2","interfaceID":"aaaaaaaa-bb-x","device":"tapaaaaaaaa-bb"}}`,
				},
				want: map[model.ID]string{
					stranger("device"): "Invalid|spec.device: device tapaaaaaaaa-bb is on every host the default device of Port alpha/" + victim,
					stranger("aaaaaaaa-bbbb-4000-8000-000000000001"): "Accepted",
					stranger("interface"):                            "Invalid|spec.interfaceID: interface id " + victim + " belongs to Port alpha/" + victim,
					stranger("prefix"):                               "Accepted",
					stranger("named"):                                "Invalid|spec.device: device tapaaaaaaaa-bb is on every host the default device of Port alpha/" + victim,
					stranger("unplaced"):                             "Invalid|spec.device: device tapcccccccc-11 is on every host the default device of Port alpha/explicit",
				},
			},
			{
				put:  map[model.ID]string{fixture.Port(victim): `{"spec":{"network":"blue","host":"h2"}}`},
				want: map[model.ID]string{fixture.Port(victim): "Accepted"},
			},
			{remove: []model.ID{fixture.Port("explicit")}, want: map[model.ID]string{stranger("unplaced"): "Accepted"}},
		},
	})
}

// TestDefaultDevicesNeverCollide: ids with the same beginning, like UUIDs of version 7 that are made within a fraction of a second.
// The first one gets the conventional name and keeps it. The other keeps its own even when the first is gone.
func TestDefaultDevicesNeverCollide(t *testing.T) {
	t.Parallel()
	const first, second = "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac97-7b39-8000-000000000000"
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.putAll(map[model.ID]string{fixture.Port(first): `{"spec":{"network":"blue","host":"h1"}}`})
	s.settle()
	s.putAll(map[model.ID]string{fixture.Port(second): `{"spec":{"network":"blue","host":"h1"}}`})
	s.settle()
	s.check()
	device := func(name string) string {
		a := s.cache().Accepted(fixture.Port(name))
		if a == nil {
			t.Fatalf("%s is %+v", name, s.condition(fixture.Port(name)))
		}
		return portDevice(a)
	}
	if got := device(first); got != "tap01890a5d-ac" {
		t.Errorf("the first has device %s", got)
	}
	other := device(second)
	if other == "tap01890a5d-ac" || len(other) != 14 || !strings.HasPrefix(other, "tap") {
		t.Errorf("the second has device %s", other)
	}
	s.remove(fixture.Port(first))
	s.putAll(map[model.ID]string{fixture.Port(second): `{"spec":{"network":"blue","host":"h2","hostname":"moved"}}`})
	s.settle()
	s.check()
	if got := device(second); got != other {
		t.Errorf("its device was %s and is %s", other, got)
	}
}

// runSteps runs each case in a region of its own.
func runSteps(t *testing.T, cases map[string][]step) {
	t.Helper()
	for name, steps := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t)
			s.putAll(fixture.RegionIntent())
			for i, st := range steps {
				s.putAll(st.put)
				for _, id := range st.remove {
					s.remove(id)
				}
				s.settle()
				s.check()
				st.verify(t, i, s)
			}
		})
	}
}

func (st step) verify(t *testing.T, n int, s *sim) {
	t.Helper()
	for id, want := range st.want {
		cond := s.condition(id)
		if want == "gone" {
			if s.cache().Accepted(id) != nil {
				t.Errorf("step %d: %s is still there", n, id)
			}
			continue
		}
		parts := strings.Split(want, "|")
		var said []string
		for _, r := range cond.Reasons {
			said = append(said, r.Field+": "+r.Message)
		}
		if string(cond.Phase) != parts[0] || len(said) < len(parts)-1 {
			t.Errorf("step %d: %s is %s %q, expected %s", n, id, cond.Phase, said, want)
		}
		for _, p := range parts[1:] {
			if !strings.Contains(strings.Join(said, "\n"), p) {
				t.Errorf("step %d: %s says %q, expected %q", n, id, said, p)
			}
		}
	}
	for id, want := range st.addr {
		got := "not accepted"
		if a := s.cache().Accepted(id); a != nil {
			got = strings.Trim(fmt.Sprint(a.Allocated.Addresses), "[]")
			if id.Kind == model.KindNetwork {
				got = fmt.Sprint(a.Allocated.SegmentationID)
			}
		}
		if got != want {
			t.Errorf("step %d: %s has %s, expected %s", n, id, got, want)
		}
	}
}

func TestANameMadeAgainIsAnotherIncarnation(t *testing.T) {
	t.Parallel()
	for _, seen := range []bool{true, false} {
		s := newSim(t)
		s.putAll(fixture.RegionIntent())
		s.put(fixture.Port("a"), `{"spec":{"network":"blue","host":"h1","mac":"fa:16:3e:00:00:09"}}`)
		s.settle()
		first := *s.cache().Accepted(fixture.Port("a"))
		s.remove(fixture.Port("a"))
		if seen {
			s.settle()
		}
		s.put(fixture.Port("a"), `{"spec":{"network":"blue","host":"h1","mac":"fa:16:3e:00:00:09"}}`)
		s.settle()
		s.check()
		now := s.cache().Accepted(fixture.Port("a"))
		if now.UID == first.UID || now.Allocated.MAC != first.Allocated.MAC || now.Allocated.Addresses[0] == first.Allocated.Addresses[0] {
			t.Errorf("deletion seen: %v: before %+v, now %+v", seen, first.Allocated, now.Allocated)
		}
		if n := len(s.cache().Node("h1").Items); n != 3 { // host, network, port
			t.Errorf("deletion seen: %v: %d items on h1", seen, n)
		}
		for k := range s.cache().Owned(first.UID) {
			if cl, _ := s.cache().Claim(k); cl.State != etcdschema.ClaimHeld {
				t.Errorf("%s of the earlier incarnation is %s", k, cl.State)
			}
		}
	}
}

func TestANetworkMadeAgainTakesItsPortsAlong(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.put(fixture.Port("a"), fixture.PortOnH1)
	s.settle()
	old := s.cache().Accepted(fixture.Blue).UID
	s.remove(fixture.Blue)
	s.put(fixture.Blue, fixture.BlueSpec)
	s.settle()
	s.check()
	uid := s.cache().Accepted(fixture.Blue).UID
	if uid == old {
		t.Fatal("the network kept its uid")
	}
	n, guests := s.cache().Node("h1"), s.cache().Members(kind.GuestNetworks, "h1")
	if guests[uid] != 1 || guests[old] != 0 || len(n.Items) != 3 {
		t.Errorf("node config: %v, %d items", guests, len(n.Items))
	}
}

func TestTheLargestNetworkFitsATransaction(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	large := model.ID{Project: "alpha", Kind: model.KindNetwork, Name: "large"}
	var subnets []string
	for i := range model.MaxSubnets {
		subnets = append(subnets, fmt.Sprintf(`{"cidr":"10.9.%d.0/24"}`, i))
	}
	spec := `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[` + strings.Join(subnets, ",") + `]}}`
	s.put(large, spec)
	s.settle()
	s.check()
	if a := s.cache().Accepted(large); a == nil || len(a.Allocated.DHCPServers) != model.MaxSubnets {
		t.Fatalf("accepted: %+v %+v", a, s.condition(large))
	}
	s.remove(large)
	s.settle()
	if s.cache().Accepted(large) != nil {
		t.Errorf("not deleted: %+v", s.condition(large))
	}
}
