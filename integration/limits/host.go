package limits

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weft/etcdschema"
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/linuxbridge"
	"weft/reconcile/compile/openvswitch"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/kind"
	"weft/reconcile/control/planner"
)

// Host is the result of accepted intent on one host where every device is present.
type Host struct {
	Driver  model.Driver
	Results []compile.Result
	// Offered counts the objects that were drawn. Accepted counts those that neither validation nor the controllers refused.
	Offered, Accepted int
	// Config is the host's node config from the controllers.
	Config *desired.NodeConfig
	// Text lists the accepted objects, for messages.
	Text string
}

// T is a test, with a drawn host or without.
type T interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Check checks a property on hosts at the limits: hosts that have the most of everything, and drawn ones.
func Check(t *testing.T, property func(T, Host)) {
	t.Helper()
	for _, driver := range []model.Driver{model.DriverOVS, model.DriverBridge} {
		property(t, Most(t, driver, model.MaxRouterNetworks))
	}
	rapid.Check(t, func(t *rapid.T) { property(t, Draw(t)) })
}

// Draw draws intent at the limits and compiles it for a host with Open vSwitch or with the kernel's bridges.
func Draw(t *rapid.T) Host {
	driver := rapid.SampledFrom([]model.Driver{model.DriverOVS, model.DriverBridge}).Draw(t, "driver")
	in := drawIntent(t, driver)
	h := Host{Driver: driver, Offered: in.offered}
	h.Config = resolve(t, in.objects, &h)
	h.compile(t, h.Config, facts(h.Config, rapid.SampledFrom([]string{"netdev", "system"}).Draw(t, "datapath")))
	return h
}

// compile makes the host's objects. It repeats that while the objects make something new appear on the host.
func (h *Host) compile(t T, c *desired.NodeConfig, f *object.Facts) {
	for range 8 {
		h.Results = Compile(c, f)
		if !appear(f, h.Results) {
			return
		}
	}
	t.Fatal("there is no end to what appears on the host")
}

// Objects are all objects of the host.
func (h Host) Objects() (all []object.Object) {
	for _, u := range h.Results {
		all = append(all, u.Objects...)
	}
	return all
}

// resolve makes the host's node config from the intent, as the controllers do.
func resolve(t T, objects []model.Object, h *Host) *desired.NodeConfig {
	t.Helper()
	all := cache.New(kind.AllKinds().Cached())
	var reports []etcdschema.Item
	for _, name := range []string{here, peer} {
		report, err := etcdschema.Encode(etcdschema.NodeReport{Features: desired.Features()})
		if err != nil {
			t.Fatal(err)
		}
		reports = append(reports, etcdschema.Item{Key: etcdschema.ActualNode(name), Value: report, CreateRevision: 1, ModRevision: 1})
	}
	all.Load(reports, 1)
	p, err := planner.PreviewOn(all, kind.AllKinds(), [3]byte{}, objects, nil)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for i, o := range p.Objects {
		data, err := json.Marshal(objects[i].Spec)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%s %s %s %v\n", o.ID, o.Phase, data, o.Reasons)
		if o.Phase != etcdschema.PhaseInvalid {
			h.Accepted++
		}
	}
	h.Text = text.String()
	c := desired.NewNodeConfig()
	for _, it := range p.Items {
		if it.Node == here && it.New != nil {
			put(t, c, it)
		}
	}
	return c
}

// put puts one item into the node config.
func put(t T, c *desired.NodeConfig, it planner.ItemChange) {
	item, err := desired.AllKinds().Decode(it.Key, it.New)
	if err != nil {
		t.Fatalf("%s: %v", it.Key, err)
	}
	c.Put(item)
}

// facts are the facts of a host that has its NICs and guests' devices, and nothing that Weft makes.
func facts(c *desired.NodeConfig, datapath string) *object.Facts {
	f := &object.Facts{DatapathType: datapath, Links: map[string]object.LinkFacts{}, Interfaces: map[string]object.InterfaceFacts{}}
	if h := c.Host(); h != nil {
		for _, up := range h.Uplinks {
			f.Links[up.Interface] = object.LinkFacts{Kind: "device", MTU: up.MTU, Up: true}
		}
	}
	for p := range c.Ports() {
		for _, device := range GuestDevices(p) {
			f.Links[device] = object.LinkFacts{Kind: "tuntap", MTU: 1500}
		}
	}
	return f
}

// Compile makes all objects of a host with these facts.
func Compile(c *desired.NodeConfig, f *object.Facts) (results []compile.Result) {
	in := compile.Input{Config: c, Facts: f, Index: compile.NewIndex(c, f),
		Backends: map[model.Driver]compile.Backend{model.DriverOVS: openvswitch.Backend{}, model.DriverBridge: linuxbridge.Backend{}}}
	for _, k := range c.Keys() {
		results = append(results, compile.Compile(in, k))
	}
	return results
}

// appear adds to the facts what the objects make. It returns false if nothing was new.
func appear(f *object.Facts, results []compile.Result) (more bool) {
	plug := func(bridge, device, owner string, s object.SessionFacts) {
		if _, there := f.Interfaces[device]; !there {
			more = true
			f.Interfaces[device] = object.InterfaceFacts{Bridge: bridge, OFPort: uint32(len(f.Interfaces) + 1), OwnerUID: owner, Created: true, Session: s}
		}
	}
	link := func(name, kind string) {
		if _, there := f.Links[name]; !there {
			more = true
			f.Links[name] = object.LinkFacts{Kind: kind, MTU: 1500, Up: true}
		}
	}
	for _, u := range results {
		for _, o := range u.Objects {
			switch o := o.(type) {
			case *object.Uplink:
				plug(o.Bridge, o.Device, o.OwnerUID, object.SessionFacts{})
			case *object.OVSPort:
				plug(o.Bridge, o.Device, o.OwnerUID, object.SessionFacts{})
			case *object.Session:
				plug(o.Bridge, o.Device, o.OwnerUID, object.SessionFacts{Known: true, Up: true, Converged: true})
				plug(o.Bridge, o.PeerDevice, o.OwnerUID, object.SessionFacts{})
			case *object.Veth:
				if o.Peer.Namespace == "" {
					link(o.Peer.Name, "veth")
				}
			case *object.LinuxBridge:
				link(o.Name, "bridge")
			case *object.VLANDevice:
				link(o.Name, "vlan")
			}
		}
	}
	return more
}

// GuestDevices are the names of the netdevs that a port's guest has on its host.
func GuestDevices(p *desired.Port) []string {
	if p.HostNet.Device == "" {
		return []string{p.Device}
	}
	return []string{p.Device, p.HostNet.Device}
}
