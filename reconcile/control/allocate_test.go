package control

import (
	"fmt"
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// step is one event, with what must be true of some objects after it.
type step struct {
	put    map[model.ID]string
	remove []model.ID
	want   map[model.ID]string // phase, then a part of each reason; or "gone"
	addr   map[model.ID]string // allocated addresses, and VLAN of networks
}

// TestAddressAllocation: who gets which address, and what happens to a released one.
func TestAddressAllocation(t *testing.T) {
	t.Parallel()
	small := `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.0.0.0/29"}]}}`
	runSteps(t, map[string][]step{
		"both families, IPv6 first; the gateway's and the server's addresses are spared": {
			{put: map[model.ID]string{port("a"): `{"spec":{"network":"blue"}}`}, addr: map[model.ID]string{port("a"): "fd00:1::2 10.0.0.3"}},
		},
		"an explicit address replaces that family's, the other stays": {
			{put: map[model.ID]string{port("a"): `{"spec":{"network":"blue"}}`}},
			{put: map[model.ID]string{port("a"): `{"spec":{"network":"blue","addresses":["10.0.9.9"]}}`}, addr: map[model.ID]string{port("a"): "fd00:1::2 10.0.9.9"}},
			{put: map[model.ID]string{port("a"): `{"spec":{"network":"blue","addresses":["10.0.9.9","10.0.9.8"]}}`}, addr: map[model.ID]string{port("a"): "fd00:1::2 10.0.9.9 10.0.9.8"}},
		},
		"a conflict goes to the lower create revision and names the owner": {
			{
				put: map[model.ID]string{
					port("a"): `{"spec":{"network":"blue","addresses":["10.0.0.50"],"mac":"fa:16:3e:00:00:01"}}`,
					port("b"): `{"spec":{"network":"blue","addresses":["10.0.0.50"],"mac":"fa:16:3e:00:00:01"}}`,
				},
				want: map[model.ID]string{port("a"): "Accepted", port("b"): "Invalid|spec.mac: MAC fa:16:3e:00:00:01 belongs to Port alpha/a|spec.addresses[0]: address 10.0.0.50 belongs to Port alpha/a"},
			},
		},
		"a released address is not reused, but its own name may ask for it again": {
			{put: map[model.ID]string{port("a"): `{"spec":{"network":"blue","addresses":["10.0.0.50"]}}`}},
			{remove: []model.ID{port("a")}, want: map[model.ID]string{port("a"): "gone"}},
			{
				put:  map[model.ID]string{port("b"): `{"spec":{"network":"blue","addresses":["10.0.0.50"]}}`},
				want: map[model.ID]string{port("b"): "Pending|address 10.0.0.50 was released by Port alpha/a"},
			},
			{put: map[model.ID]string{port("a"): `{"spec":{"network":"blue","addresses":["10.0.0.50"]}}`}, want: map[model.ID]string{port("a"): "Accepted"}},
		},
		"a full subnet makes ports wait": {
			{
				put: map[model.ID]string{
					blue: small, port("a"): `{"spec":{"network":"blue"}}`, port("b"): `{"spec":{"network":"blue"}}`,
					port("c"): `{"spec":{"network":"blue"}}`, port("d"): `{"spec":{"network":"blue"}}`, port("e"): `{"spec":{"network":"blue"}}`,
				},
				want: map[model.ID]string{port("d"): "Accepted", port("e"): "Pending|no free address is left in 10.0.0.0/29"},
				addr: map[model.ID]string{port("d"): "10.0.0.6"},
			},
		},
		"a reserved address belongs to the network": {
			{
				put:  map[model.ID]string{port("a"): `{"spec":{"network":"blue","addresses":["10.0.0.2"]}}`},
				want: map[model.ID]string{port("a"): "Invalid|address 10.0.0.2 belongs to Network alpha/blue"},
			},
		},
		"a gateway cannot take a port's address": {
			{put: map[model.ID]string{port("a"): `{"spec":{"network":"blue","addresses":["10.0.0.50"]}}`}},
			{
				put:  map[model.ID]string{blue: strings.Replace(blueSpec, `"10.0.0.0/16"`, `"10.0.0.0/16","gateway":"10.0.0.50"`, 1)},
				want: map[model.ID]string{blue: "Invalid|spec.subnets[0].gateway: gateway address 10.0.0.50 belongs to Port alpha/a"},
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
			{put: map[model.ID]string{port("a"): `{"spec":{"network":"blue"}}`}},
			{
				put:  map[model.ID]string{blue: `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"fd00:1::/64"}]}}`},
				want: map[model.ID]string{blue: "Invalid|subnet 10.0.0.0/16 is gone, but Port alpha/a still has 10.0.0.3"},
			},
		},
		"a new subnet reaches the ports that are there": {
			{put: map[model.ID]string{blue: `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"fd00:1::/64"}]}}`, port("a"): `{"spec":{"network":"blue"}}`}, addr: map[model.ID]string{port("a"): "fd00:1::2"}},
			{put: map[model.ID]string{blue: blueSpec}, addr: map[model.ID]string{port("a"): "fd00:1::2 10.0.0.3"}},
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
				addr: map[model.ID]string{blue: "100", red: "150"},
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
			{put: map[model.ID]string{port("a"): `{"spec":{"network":"blue"}}`}},
			{
				put:  map[model.ID]string{port("a"): `{"spec":{"network":"blue","addresses":["192.0.2.1"],"colour":1}}`},
				want: map[model.ID]string{port("a"): "Invalid|colour"}, addr: map[model.ID]string{port("a"): "fd00:1::2 10.0.0.3"},
			},
		},
		"a reference that dangles is invalid until it stands": {
			{put: map[model.ID]string{port("a"): `{"spec":{"network":"red"}}`}, want: map[model.ID]string{port("a"): "Invalid|spec.network: Network alpha/red does not exist"}},
			{put: map[model.ID]string{red: blueSpec}, want: map[model.ID]string{port("a"): "Accepted"}},
		},
		"a deletion waits for the last reference": {
			{put: map[model.ID]string{port("a"): `{"spec":{"network":"blue"}}`}},
			{remove: []model.ID{blue}, want: map[model.ID]string{blue: "Pending|still used by Port alpha/a"}, addr: map[model.ID]string{blue: "100"}},
			{put: map[model.ID]string{port("b"): `{"spec":{"network":"blue"}}`}, want: map[model.ID]string{port("b"): "Invalid|does not exist"}},
			{remove: []model.ID{port("a")}, want: map[model.ID]string{port("a"): "gone", blue: "gone"}},
		},
		"a network that was itself not accepted makes ports wait": {
			{
				put: map[model.ID]string{
					red:       `{"spec":{"type":"vlan","physicalNetwork":"nowhere"}}`,
					port("a"): `{"spec":{"network":"red"}}`,
				},
				want: map[model.ID]string{red: "Invalid|PhysicalNetwork nowhere does not exist", port("a"): "Pending|waits for Network alpha/red"},
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
					port("a"): `{"spec":{"network":"blue","host":"h1","device":"tap0"}}`,
					port("b"): `{"spec":{"network":"blue","host":"h1","device":"tap0"}}`,
					port("c"): `{"spec":{"network":"blue","host":"h2","device":"tap0"}}`,
				},
				want: map[model.ID]string{port("a"): "Accepted", port("b"): "Invalid|spec.device: device tap0 on host h1 belongs to Port alpha/a", port("c"): "Accepted"},
			},
			{remove: []model.ID{port("a")}, want: map[model.ID]string{port("b"): "Accepted"}},
		},
		"the default device of a port is nobody else's on any host": {
			{put: map[model.ID]string{
				project2:         `{"spec":{}}`,
				port(victim):     `{"spec":{"network":"blue","host":"h1"}}`,
				port("explicit"): `{"spec":{"network":"blue","interfaceID":"cccccccc-1111"}}`,
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
				put:  map[model.ID]string{port(victim): `{"spec":{"network":"blue","host":"h2"}}`},
				want: map[model.ID]string{port(victim): "Accepted"},
			},
			{remove: []model.ID{port("explicit")}, want: map[model.ID]string{stranger("unplaced"): "Accepted"}},
		},
	})
}

// TestDefaultDevicesNeverCollide: ids with the same beginning, like UUIDs of version 7 that are made within a fraction of a second.
// The first one gets the conventional name and keeps it. The other keeps its own even when the first is gone.
func TestDefaultDevicesNeverCollide(t *testing.T) {
	t.Parallel()
	const first, second = "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac97-7b39-8000-000000000000"
	s := newSim(t)
	s.putAll(regionIntent())
	s.putAll(map[model.ID]string{port(first): `{"spec":{"network":"blue","host":"h1"}}`})
	s.settle()
	s.putAll(map[model.ID]string{port(second): `{"spec":{"network":"blue","host":"h1"}}`})
	s.settle()
	s.check()
	device := func(name string) string {
		a := s.cache().accepted[port(name)]
		if a == nil {
			t.Fatalf("%s is %+v", name, s.condition(port(name)))
		}
		return resolvePort(a, "", desired.StateActive).Device
	}
	if got := device(first); got != "tap01890a5d-ac" {
		t.Errorf("the first has device %s", got)
	}
	other := device(second)
	if other == "tap01890a5d-ac" || len(other) != 14 || !strings.HasPrefix(other, "tap") {
		t.Errorf("the second has device %s", other)
	}
	s.remove(port(first))
	s.putAll(map[model.ID]string{port(second): `{"spec":{"network":"blue","host":"h2","hostname":"moved"}}`})
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
			s.putAll(regionIntent())
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
			if s.cache().accepted[id] != nil {
				t.Errorf("step %d: %s is still there", n, id)
			}
			continue
		}
		parts := strings.Split(want, "|")
		var said []string
		for _, r := range cond.reasons {
			said = append(said, r.Field+": "+r.Message)
		}
		if string(cond.phase) != parts[0] || len(said) < len(parts)-1 {
			t.Errorf("step %d: %s is %s %q, expected %s", n, id, cond.phase, said, want)
		}
		for _, p := range parts[1:] {
			if !strings.Contains(strings.Join(said, "\n"), p) {
				t.Errorf("step %d: %s says %q, expected %q", n, id, said, p)
			}
		}
	}
	for id, want := range st.addr {
		got := "not accepted"
		if a := s.cache().accepted[id]; a != nil {
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
		s.putAll(regionIntent())
		s.put(port("a"), `{"spec":{"network":"blue","host":"h1","mac":"fa:16:3e:00:00:09"}}`)
		s.settle()
		first := *s.cache().accepted[port("a")]
		s.remove(port("a"))
		if seen {
			s.settle()
		}
		s.put(port("a"), `{"spec":{"network":"blue","host":"h1","mac":"fa:16:3e:00:00:09"}}`)
		s.settle()
		s.check()
		now := s.cache().accepted[port("a")]
		if now.UID == first.UID || now.Allocated.MAC != first.Allocated.MAC || now.Allocated.Addresses[0] == first.Allocated.Addresses[0] {
			t.Errorf("deletion seen: %v: before %+v, now %+v", seen, first.Allocated, now.Allocated)
		}
		if n := len(s.cache().nodes["h1"].items); n != 3 { // host, network, port
			t.Errorf("deletion seen: %v: %d items on h1", seen, n)
		}
		for k := range s.cache().owned[first.UID] {
			if cl, _ := s.cache().claim(k); cl.State != etcdschema.ClaimHeld {
				t.Errorf("%s of the earlier incarnation is %s", k, cl.State)
			}
		}
	}
}

func TestANetworkMadeAgainTakesItsPortsAlong(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(regionIntent())
	s.put(port("a"), portOnH1)
	s.settle()
	old := s.cache().accepted[blue].UID
	s.remove(blue)
	s.put(blue, blueSpec)
	s.settle()
	s.check()
	uid := s.cache().accepted[blue].UID
	if uid == old {
		t.Fatal("the network kept its uid")
	}
	n := s.cache().nodes["h1"]
	if n.networks[uid] != 1 || n.networks[old] != 0 || len(n.items) != 3 {
		t.Errorf("node config: %v, %d items", n.networks, len(n.items))
	}
}

func TestTheLargestNetworkFitsATransaction(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(regionIntent())
	large := model.ID{Project: "alpha", Kind: model.KindNetwork, Name: "large"}
	var subnets []string
	for i := range model.MaxSubnets {
		subnets = append(subnets, fmt.Sprintf(`{"cidr":"10.9.%d.0/24"}`, i))
	}
	spec := `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[` + strings.Join(subnets, ",") + `]}}`
	s.put(large, spec)
	s.settle()
	s.check()
	if a := s.cache().accepted[large]; a == nil || len(a.Allocated.DHCPServers) != model.MaxSubnets {
		t.Fatalf("accepted: %+v %+v", a, s.condition(large))
	}
	s.remove(large)
	s.settle()
	if s.cache().accepted[large] != nil {
		t.Errorf("not deleted: %+v", s.condition(large))
	}
}
