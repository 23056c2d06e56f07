package compile_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

// drawInput draws a host of either backend with a few networks and ports that collide often, because devices, interface ids, MACs,
// VLANs and numbers come from small pools.
func drawInput(t *rapid.T) compile.Input {
	in := fixture.Plain()
	in.Config.Host().Driver = rapid.SampledFrom([]model.Driver{model.DriverOVS, model.DriverOVS, model.DriverBridge}).Draw(t, "driver")
	fixture.ClearKinds(in.Config, desired.KindNetwork, desired.KindPort)
	drawGroups(t, in)
	for i := range rapid.IntRange(1, 4).Draw(t, "networks") {
		uid := fmt.Sprintf("%08x-0000-4000-8000-%012x", rapid.IntRange(1, 3).Draw(t, "number"), i+1)
		n := fixture.Network(uid, "n", uint16(rapid.IntRange(0, 4).Draw(t, "vlan")), 1)
		if rapid.IntRange(0, 2).Draw(t, "flat") == 0 {
			n.Type, n.SegmentationID = model.NetworkTypeFlat, 0
		}
		if rapid.IntRange(0, 2).Draw(t, "isolated") == 0 {
			n.IsolateGuests, n.RouterMACs = true, []model.MAC{fixture.MAC("fa:16:3e:ff:00:01"), fixture.MAC("fa:16:3e:ff:00:02")}
		}
		n.AddressPairs = rapid.Bool().Draw(t, "pairs")
		n.Router = rapid.SampledFrom(append(scopes, "")).Draw(t, "router")
		in.Config.Put(n)
	}
	nets := fixture.UIDs(in.Config, desired.KindNetwork)
	for i := range rapid.IntRange(0, 8).Draw(t, "ports") {
		p := drawPort(t, i, nets)
		in.Config.Put(p)
	}
	if rapid.Bool().Draw(t, "routed") {
		drawRouters(t, in, nets)
	}
	drawFacts(t, in)
	return in
}

// drawGroups draws security groups that name each other, and members on networks of which some are here.
func drawGroups(t *rapid.T, in compile.Input) {
	for _, uid := range []string{"g1", "g2"} {
		if !rapid.Bool().Draw(t, "group") {
			continue
		}
		g := &desired.SecurityGroup{UID: uid, Project: "alpha", Name: uid}
		for range rapid.IntRange(0, 4).Draw(t, "rules") {
			first := rapid.Uint16Range(1, 9).Draw(t, "first")
			r := desired.SecurityGroupRule{
				Direction:   rapid.SampledFrom([]model.Direction{model.DirectionIngress, model.DirectionEgress, model.DirectionIngress, "odd"}).Draw(t, "direction"),
				Family:      rapid.SampledFrom([]model.Family{model.FamilyIPv4, model.FamilyIPv6}).Draw(t, "family"),
				RemoteGroup: rapid.SampledFrom([]string{"", "g1", "g2", "g3"}).Draw(t, "remote"),
			}
			if rapid.Bool().Draw(t, "tcp") {
				r.Protocol, r.Port = 6, model.PortRange{First: first, Last: rapid.Uint16Range(first, 12).Draw(t, "last")}
			}
			g.Rules = append(g.Rules, r)
		}
		in.Config.Put(g)
		for shard := range rapid.IntRange(0, 2).Draw(t, "shards") {
			m := &desired.GroupMembers{Group: uid, Network: fmt.Sprintf("%08x-0000-4000-8000-%012x", 1, 1)}
			if rapid.Bool().Draw(t, "of a router") {
				m.Network, m.Router = "", rapid.SampledFrom(scopes).Draw(t, "router")
			}
			m.UID = fmt.Sprintf("%s.%s-%d", uid, m.Scope(), shard)
			for _, a := range []string{"10.1.0.9/32", "10.1.0.64/28", "fd00:1::9/128"} {
				if rapid.Bool().Draw(t, "member") {
					m.Addresses = append(m.Addresses, model.AddressBlock{Prefix: netip.MustParsePrefix(a)})
				}
			}
			in.Config.Put(m)
		}
	}
}

// scopes are uids of routers. The first two have the same ScopeNumber.
var scopes = []string{"router-40461", "router-53322", "r"}

func drawPort(t *rapid.T, i int, nets []string) *desired.Port {
	uid := fmt.Sprintf("%08x-0000-4000-8000-000000000000", i)
	p := fixture.Port(uid, rapid.SampledFrom(append(nets, "absent")).Draw(t, "network"), "d", 1, rapid.IntRange(10, 13).Draw(t, "mac"))
	p.Device = rapid.SampledFrom([]string{"", "d0", "d1", "d2", "d3", "eth0", "eth1", "br-int", "bad/name"}).Draw(t, "device")
	p.InterfaceID = rapid.SampledFrom([]string{"", "i0", "i1", "i2"}).Draw(t, "interface id")
	p.State = rapid.SampledFrom([]desired.State{desired.StateActive, desired.StateActive, desired.StateStandby, "odd"}).Draw(t, "state")
	p.Migration = rapid.Int64Range(0, 1).Draw(t, "migration")
	for i := range rapid.IntRange(0, 3).Draw(t, "pairs") {
		block := rapid.SampledFrom([]string{"10.1.0.50/32", "10.1.0.64/28", "10.1.0.64/30", "fd00:1::/120", "172.16.0.0/12"}).Draw(t, "pair")
		mac := rapid.SampledFrom([]model.MAC{p.MAC, {0, 0, 0x5e, 0, 1, 0x33}, {2, 0, 0, 0, 1, byte(10 + i)}}).Draw(t, "MAC of the pair")
		pair := desired.AddressPair{Address: model.AddressBlock{Prefix: netip.MustParsePrefix(block)}, MAC: mac}
		if !slices.Contains(p.AddressPairs, pair) {
			p.AddressPairs = append(p.AddressPairs, pair)
		}
	}
	p.SecurityGroups = rapid.SampledFrom([][]string{nil, nil, {"g1"}, {"g1", "g2"}, {"g3"}, {"g1", "g1"}}).Draw(t, "security groups")
	if rapid.IntRange(0, 4).Draw(t, "spoil") == 0 {
		p.Addresses = append(p.Addresses, fixture.Address("10.1.0.2"))
	}
	return p
}

func drawFacts(t *rapid.T, in compile.Input) {
	for i := range 4 {
		if name := fmt.Sprintf("d%d", i); rapid.Bool().Draw(t, "link "+name) {
			in.Facts.Links[name] = object.LinkFacts{MTU: 1500, Kind: rapid.SampledFrom([]string{"tuntap", "device"}).Draw(t, "link kind")}
		}
	}
	in.Facts.DatapathType = rapid.SampledFrom([]string{"", "netdev"}).Draw(t, "datapath")
	in.Facts.NoIPv6 = rapid.IntRange(0, 4).Draw(t, "no IPv6") == 0
	if rapid.IntRange(0, 6).Draw(t, "foreign") == 0 {
		in.Facts.ForeignBridges = map[string]string{in.Config.Host().Bridge: "somebody's"}
	}
	uplink := in.Config.Host().Uplinks[0].Interface
	link := in.Facts.Links[uplink]
	link.AltNames = rapid.SampledFrom([][]string{nil, {"d3"}, {"eth0"}}).Draw(t, "alternative names")
	link.MTU = rapid.IntRange(1500, 1501).Draw(t, "uplink's MTU")
	in.Facts.Links[uplink] = link
	for i := range rapid.IntRange(0, 6).Draw(t, "interfaces") {
		in.Facts.Interfaces[fmt.Sprintf("d%d", i)] = object.InterfaceFacts{
			Bridge: rapid.SampledFrom([]string{"br-int", "br-int", "br-ex"}).Draw(t, "bridge"), OFPort: uint32(rapid.IntRange(0, 1).Draw(t, "known") * (20 + i)),
			InterfaceID: rapid.SampledFrom([]string{"", "i0", "i1", "i2"}).Draw(t, "iface-id"), Created: rapid.Bool().Draw(t, "created"),
			OwnerUID: fmt.Sprintf("%08x-0000-4000-8000-000000000000", rapid.IntRange(0, 8).Draw(t, "owner")),
		}
	}
}

func compileAll(in compile.Input) map[desired.Key]string {
	out := map[desired.Key]string{}
	for _, k := range in.Config.Keys() {
		out[k] = fixture.Text(compile.Compile(in, k))
	}
	return out
}

// Whatever the items are, no two results make the same object, and no two flows of the bridge are the same.
func TestResultsNeverCollide(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		objects := map[object.Key]desired.Key{}
		flows := map[string]desired.Key{}
		for _, k := range in.Config.Keys() {
			for _, o := range compile.Compile(in, k).Objects {
				if other, taken := objects[o.Key()]; taken {
					t.Fatalf("%v and %v both make %v", other, k, o.Key())
				}
				objects[o.Key()] = k
				set, ok := o.(*object.FlowSet)
				if !ok {
					continue
				}
				for _, f := range set.Flows {
					id := fmt.Sprintf("%d %d %s", f.Table, f.Priority, f.Match)
					if other, taken := flows[id]; taken {
						t.Fatalf("%v and %v both hold flow %s", other, k, f)
					}
					flows[id] = k
				}
			}
		}
	})
}

// After any history of changes, compiling again only what the index reports gives the same results as compiling everything from
// scratch. Between the changes the reported items are compiled at once, later, or in part, as the engine's passes do.
func TestIndexFollowsChanges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		in.Index = fixture.Indexed(in)
		kept := compileAll(in)
		dirty := map[desired.Key]bool{}
		mark := func(keys []desired.Key) {
			for _, k := range keys {
				dirty[k] = true
			}
		}
		catchUp := func(all bool) {
			for _, k := range slices.SortedFunc(maps.Keys(dirty), desired.Key.Compare) {
				if all || rapid.Bool().Draw(t, "now") {
					kept[k] = fixture.Text(fixture.Noted(in, k))
					delete(dirty, k)
				}
			}
		}
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			next := drawInput(t)
			for _, k := range rapid.Permutation(slices.Concat(in.Config.Keys(), next.Config.Keys())).Draw(t, "order") {
				if rapid.Bool().Draw(t, "skip") {
					continue
				}
				replace(in.Config, next.Config, k)
				mark(in.Index.Update(in.Config, k))
				if rapid.IntRange(0, 3).Draw(t, "round") == 0 {
					catchUp(false)
				}
			}
			if rapid.Bool().Draw(t, "facts") {
				devices := allDevices(in.Facts, next.Facts)
				if rapid.Bool().Draw(t, "all") {
					devices = nil
				}
				in.Facts = next.Facts
				mark(in.Index.Observe(in.Facts, devices))
				catchUp(false)
			}
		}
		catchUp(true)
		in.Index = nil
		for k, fresh := range compileAll(in) {
			if kept[k] != fresh {
				t.Fatalf("%v was not compiled again:\n%s\nfrom scratch:\n%s", k, kept[k], fresh)
			}
		}
	})
}

func allDevices(facts ...*object.Facts) (names []string) {
	for _, f := range facts {
		names = slices.Concat(names, slices.Collect(maps.Keys(f.Links)), slices.Collect(maps.Keys(f.Interfaces)))
	}
	return names
}

func replace(c, next *desired.NodeConfig, k desired.Key) {
	if item := next.Item(k); item != nil {
		c.Put(item)
		return
	}
	c.Remove(k)
}

// A port that is faulty by itself changes no other item's result.
func TestFaultyPortHarmsNobody(t *testing.T) {
	t.Parallel()
	spoil := map[string]func(p *desired.Port){
		"mac":     func(p *desired.Port) { p.MAC[0] |= 1 },
		"server":  func(p *desired.Port) { p.Addresses = append(p.Addresses, fixture.Address("10.1.0.2")) },
		"device":  func(p *desired.Port) { p.Device = "../eth0" },
		"state":   func(p *desired.Port) { p.State = "?" },
		"network": func(p *desired.Port) { p.Network = "absent" },
		"many":    func(p *desired.Port) { p.Addresses = make([]model.Address, 1000) },
	}
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		want := compileAll(in)
		bad := drawPort(t, 99, fixture.UIDs(in.Config, desired.KindNetwork))
		spoil[rapid.SampledFrom(slices.Sorted(maps.Keys(spoil))).Draw(t, "spoil")](bad)
		if bad.Network == "absent" {
			bad.Device, bad.InterfaceID = "own", "own"
		}
		in.Config.Put(bad)
		for k, got := range compileAll(in) {
			if k != bad.Key() && withoutFilter(got) != withoutFilter(want[k]) {
				t.Fatalf("%v changed from\n%s\nto\n%s", k, want[k], got)
			}
		}
	})
}

// withoutFilter leaves out that the host is ready to filter ports, and that a network's connections are tracked for it. That is so as soon as a port
// has security groups, and changes nothing for ports without.
func withoutFilter(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, string(object.KindBridgeFilter)+"/") && !strings.HasPrefix(line, string(object.KindFilterNetwork)+"/") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestCompileIsDeterministic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		want := compileAll(in)
		again := in
		again.Config = desired.NewNodeConfig()
		for _, k := range rapid.Permutation(in.Config.Keys()).Draw(t, "order") {
			replace(again.Config, in.Config, k)
		}
		if got := compileAll(again); !maps.Equal(got, want) {
			t.Fatalf("compiled twice, differently:\n%v\n%v", got, want)
		}
	})
}

func TestDependents(t *testing.T) {
	t.Parallel()
	in := fixture.Plain()
	red, web, db, move := fixture.Key(desired.KindNetwork, fixture.NetRed), fixture.Key(desired.KindPort, fixture.PortWeb), fixture.Key(desired.KindPort, fixture.PortDB), fixture.Key(desired.KindPort, fixture.PortMove)
	for _, c := range []struct {
		of   desired.Key
		want []desired.Key
	}{
		{web, []desired.Key{red, web}}, {red, []desired.Key{red, web, db, move}}, {fixture.Key(desired.KindPort, "gone"), []desired.Key{fixture.Key(desired.KindPort, "gone")}},
	} {
		if got := fixture.Dependents(in, c.of); !slices.Equal(got, c.want) {
			t.Errorf("dependents of %v are %v, want %v", c.of, got, c.want)
		}
	}
	if got := len(fixture.Dependents(in, fixture.Key(desired.KindHost, fixture.HostUID))); got != 7 {
		t.Errorf("the host's change concerns %d items, want all 7", got)
	}
	for device, want := range map[string]int{"tapweb": 2, "vnet7": 2, "eth1": 7, "eth0": 0, "br-int": 0, "tapblue": 2} {
		if got := fixture.ByDevice(in, device); len(got) != want {
			t.Errorf("device %s concerns %v, want %d items", device, got, want)
		}
	}
}

func BenchmarkCompilePort(b *testing.B) {
	for _, ports := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(ports), func(b *testing.B) {
			in := crowd(ports)
			k := fixture.Key(desired.KindPort, fmt.Sprintf("%08x-0000-4000-8000-000000000000", ports/2))
			b.ReportAllocs()
			for b.Loop() {
				compile.Compile(in, k)
			}
		})
	}
}

func BenchmarkChangePort(b *testing.B) {
	for _, ports := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(ports), func(b *testing.B) {
			in := crowd(ports)
			k := fixture.Key(desired.KindPort, fmt.Sprintf("%08x-0000-4000-8000-000000000000", ports/2))
			b.ReportAllocs()
			for b.Loop() {
				for _, d := range in.Index.Update(in.Config, k) {
					fixture.Noted(in, d)
				}
			}
		})
	}
}

// crowd is a host with this many plugged ports of one network.
func crowd(ports int) compile.Input {
	in := fixture.Plain()
	fixture.ClearKinds(in.Config, desired.KindPort)
	for i := range ports {
		p := fixture.Port(fmt.Sprintf("%08x-0000-4000-8000-000000000000", i), fixture.NetRed, fmt.Sprintf("tap%d", i), 1, i%250)
		p.MAC[4], p.MAC[3] = byte(i), byte(i>>8)
		in.Config.Put(p)
		in.Facts.Links[p.Device] = object.LinkFacts{MTU: 1450}
		in.Facts.Interfaces[p.Device] = object.InterfaceFacts{Bridge: "br-int", OFPort: uint32(i + 10), OwnerUID: p.UID, Created: true, InterfaceID: p.InterfaceID}
	}
	in.Index = fixture.Indexed(in)
	return in
}
