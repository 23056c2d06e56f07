package compile_test

import (
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
)

const nicDevice = "nicweb"

// portOnHostNet compiles the fixture's port with a way to the services of its host. change may be nil.
func portOnHostNet(mode model.HostNet, change func(in *compile.Input, h *desired.Host, p *desired.Port)) compile.Result {
	in := fixture.Plain()
	h, p := in.Config.Host(), in.Config.Port(fixture.PortWeb)
	h.Services = []desired.HostService{{Name: "proxy", Port: 3128, Target: "127.0.0.1:3128"},
		{Name: "own", Port: 514, Target: "unix:/run/s", Projects: []string{p.Project}}, {Name: "others", Port: 515, Target: "[::1]:1", Projects: []string{"x"}}}
	p.HostNet = desired.HostNet{Mode: mode}
	if mode == model.HostNetNIC {
		p.HostNet.Device, p.HostNet.MAC = nicDevice, model.HostNetMAC(p.MAC)
	}
	in.Facts.Links[nicDevice] = object.LinkFacts{Kind: "tuntap", MTU: 1500}
	if change != nil {
		change(&in, h, p)
	}
	return compile.Compile(in, fixture.Key(desired.KindPort, fixture.PortWeb))
}

// bindings are the servers of a port on a device.
func bindings(r compile.Result, device string) (m *object.MetadataBinding, d *object.DHCPBinding, l *object.Link, silent bool) {
	for _, o := range r.Objects {
		switch o := o.(type) {
		case *object.MetadataBinding:
			if o.Device == device {
				m = o
			}
		case *object.DHCPBinding:
			if o.Device == device {
				d = o
			}
		case *object.Link:
			if o.Name == device {
				l = o
			}
		case *object.SilentDevice:
			silent = silent || o.Device == device
		}
	}
	return m, d, l, silent
}

var services = []object.HostService{{Name: "proxy", Port: 3128, Network: "tcp", Address: "127.0.0.1:3128"}, {Name: "own", Port: 514, Network: "unix", Address: "/run/s"}}

// TestServicesOfTheHost: a guest gets those for its project, on the NIC that its port says and nowhere else.
func TestServicesOfTheHost(t *testing.T) {
	t.Parallel()
	own := fixture.Plain().Config.Port(fixture.PortWeb).Device
	if m, _, _, _ := bindings(portOnHostNet("", nil), own); len(m.Services) > 0 {
		t.Errorf("without hostNet: %v", m.Services)
	}
	r := portOnHostNet(model.HostNetPiggyback, nil)
	if m, _, _, _ := bindings(r, own); !slices.Equal(m.Services, services) || r.Pending != "" || m.HostNet {
		t.Errorf("piggyback: %+v %v", m.Services, r.Pending)
	}
	if m, d, l, silent := bindings(r, nicDevice); m != nil || d != nil || l != nil || silent {
		t.Error("piggyback: there is a NIC")
	}
	r = portOnHostNet(model.HostNetNIC, nil)
	if m, _, _, _ := bindings(r, own); len(m.Services) > 0 || m.HostNIC == (object.MAC{}) {
		t.Errorf("nic: services %v on the port's own NIC, MAC %s", m.Services, m.HostNIC)
	}
	m, d, l, silent := bindings(r, nicDevice)
	if m == nil || !m.HostNet || !slices.Equal(m.Services, services) || m.MAC != object.MAC(model.HostNetMAC(fixture.Plain().Config.Port(fixture.PortWeb).MAC)) {
		t.Fatalf("nic: %+v", m)
	}
	if d == nil || len(d.V4) != 1 || d.V4[0].Address != object.HostNetGuest.Addr() || d.V4[0].Router.IsValid() || d.MAC != m.MAC {
		t.Errorf("nic: %+v", d)
	}
	if l == nil || !l.Up || !l.NoIPv6 || !silent || !slices.Contains(l.After, (&object.SilentDevice{Device: nicDevice}).Key()) {
		t.Errorf("nic: the link comes up before the host's stack is silent there: %+v", l)
	}
}

// TestNICOnTheHostNetwork that is missing, or no device for guests: the port says so and works without it. On standby nobody is served.
func TestNICOnTheHostNetwork(t *testing.T) {
	t.Parallel()
	own := fixture.Plain().Config.Port(fixture.PortWeb).Device
	for name, c := range map[string]struct {
		change  func(in *compile.Input, h *desired.Host, p *desired.Port)
		pending string
	}{
		"missing": {func(in *compile.Input, _ *desired.Host, _ *desired.Port) { delete(in.Facts.Links, nicDevice) }, "waits for device nicweb"},
		"of a NIC": {func(in *compile.Input, _ *desired.Host, _ *desired.Port) {
			in.Facts.Links[nicDevice] = object.LinkFacts{Kind: "device"}
		}, "is a NIC of the host"},
		"plugged": {func(in *compile.Input, _ *desired.Host, _ *desired.Port) {
			in.Facts.Links[nicDevice] = object.LinkFacts{Kind: "tuntap", Master: "br9"}
		}, "br9"},
	} {
		r := portOnHostNet(model.HostNetNIC, c.change)
		if m, d, l, _ := bindings(r, nicDevice); m != nil || d != nil || l != nil || !strings.Contains(r.Pending, c.pending) {
			t.Errorf("%s: %v %v %v, pending %q", name, m, d, l, r.Pending)
		}
		if m, _, _, _ := bindings(r, own); m == nil {
			t.Errorf("%s: the port's own NIC is not served", name)
		}
	}
	r := portOnHostNet(model.HostNetNIC, func(_ *compile.Input, _ *desired.Host, p *desired.Port) { p.State = desired.StateStandby })
	if m, d, l, silent := bindings(r, nicDevice); m != nil || d != nil || l == nil || !silent {
		t.Errorf("standby: %v %v %v %v", m, d, l, silent)
	}
}

// TestHostNetOfAStranger: what no controller writes is refused, or leads nowhere.
func TestHostNetOfAStranger(t *testing.T) {
	t.Parallel()
	own := fixture.Plain().Config.Port(fixture.PortWeb).Device
	for _, n := range []desired.HostNet{{Mode: "tunnel"}, {Device: "x"}, {Mode: model.HostNetPiggyback, Device: "x"}, {Mode: model.HostNetNIC},
		{Mode: model.HostNetNIC, Device: "x"}, {Mode: model.HostNetNIC, Device: "x", MAC: model.MAC{1}}, {Mode: model.HostNetNIC, Device: own, MAC: model.MAC{2}},
		{Mode: model.HostNetNIC, Device: "x y", MAC: model.MAC{2}}, {Mode: model.HostNetNIC, Device: "x", MAC: model.MAC(object.ServerMAC)}} {
		if r := portOnHostNet(model.HostNetNIC, func(_ *compile.Input, _ *desired.Host, p *desired.Port) { p.HostNet = n }); r.Refused == "" {
			t.Errorf("%+v is not refused", n)
		}
	}
	for _, s := range [][]desired.HostService{{{Name: "a", Port: 2379, Target: "192.0.2.1:2379"}}, {{Name: "a", Port: 80, Target: "[::1]:1"}}, {{Port: 1, Target: "[::1]:1"}},
		{{Name: "a", Port: 1, Target: "[::1]:1"}, {Name: "b", Port: 1, Target: "[::1]:2"}}, make([]desired.HostService, 33)} {
		r := portOnHostNet(model.HostNetPiggyback, func(_ *compile.Input, h *desired.Host, _ *desired.Port) { h.Services = s })
		if m, _, _, _ := bindings(r, own); m == nil || len(m.Services) > 0 || r.Pending == "" {
			t.Errorf("%+v: %+v, pending %q", s, m, r.Pending)
		}
	}
}
