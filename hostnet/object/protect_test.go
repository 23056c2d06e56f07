package object_test

import (
	"testing"

	"weft/hostnet/object"
)

func TestProtects(t *testing.T) {
	t.Parallel()
	port := &object.BridgePort{Device: "tap1", Bridge: "wfb1"}
	vlan := &object.VLANDevice{Name: "wfv1", Parent: "eth0", ID: 101, MTU: 1500}
	for name, c := range map[string]struct {
		desired, observed object.Object
		want              bool
	}{
		"flows that are gone":               {&object.FlowSet{}, nil, true},
		"flows that are others":             {&object.FlowSet{}, &object.FlowSet{}, true},
		"a switch that may forward itself":  {&object.Bridge{FailMode: "secure"}, &object.Bridge{FailMode: "standalone"}, true},
		"a switch that is gone":             {&object.Bridge{}, nil, false},
		"rules of bridges that are gone":    {&object.PortSecurity{}, nil, true},
		"elements that are gone":            {&object.PortSecurityElements{}, nil, true},
		"elements that are others":          {&object.PortSecurityElements{}, &object.PortSecurityElements{}, true},
		"security groups that are gone":     {&object.BridgeFilter{}, nil, true},
		"a bridge that is not tracked":      {&object.FilterNetwork{}, nil, true},
		"a port that is not filtered":       {&object.FilterPort{}, nil, true},
		"a group that allows something":     {&object.FilterGroup{}, &object.FilterGroup{}, true},
		"a group that allows nothing":       {&object.FilterGroup{}, nil, false},
		"members that are others":           {&object.FilterMembers{}, &object.FilterMembers{}, true},
		"members that are gone":             {&object.FilterMembers{}, nil, false},
		"rules of an uplink that are gone":  {&object.PortSecurityUplink{}, nil, true},
		"the host's filter that is gone":    {&object.HostFilter{}, nil, true},
		"a device that is not silent":       {&object.SilentDevice{}, nil, true},
		"a filter of tags that is gone":     {&object.TagFilter{}, nil, true},
		"a filter of tags that is another":  {&object.TagFilter{}, &object.TagFilter{Strange: "xdp"}, true},
		"a VLAN device of another parent":   {vlan, &object.VLANDevice{Name: "wfv1", Parent: "eth1", ID: 101, MTU: 1500}, true},
		"a mapping that is gone":            {&object.NATMapping{}, nil, false},
		"translation that is gone":          {&object.NATTable{}, nil, true},
		"a port that learns":                {port, &object.BridgePort{Device: "tap1", Bridge: "wfb1", Strange: true}, true},
		"a port that was taken out":         {port, nil, false},
		"a port of another bridge":          {port, &object.BridgePort{Device: "tap1", Bridge: "br0"}, false},
		"a VLAN device of another id":       {vlan, &object.VLANDevice{Name: "wfv1", Parent: "eth0", ID: 102, MTU: 1500}, true},
		"a VLAN device with another MTU":    {vlan, &object.VLANDevice{Name: "wfv1", Parent: "eth0", ID: 101, MTU: 1400}, false},
		"a VLAN device that is gone":        {vlan, nil, false},
		"a link that was set down":          {&object.Link{}, &object.Link{}, false},
		"a server's binding that is gone":   {&object.DHCPBinding{}, nil, false},
		"a shaper that is gone":             {&object.Qdisc{Shaper: object.Shaper{Rate: 1}}, &object.Qdisc{}, true},
		"a policer that is gone":            {&object.Qdisc{FromGuest: object.Policer{Packets: 1}}, &object.Qdisc{}, true},
		"the other policer":                 {&object.Qdisc{ToGuest: object.Policer{Packets: 1}}, nil, true},
		"traffic control without limits":    {&object.Qdisc{}, &object.Qdisc{Root: "htb"}, false},
		"a meter with another rate":         {&object.Meter{}, &object.Meter{Rate: 1}, true},
		"a meter that is gone":              {&object.Meter{}, nil, false},
		"removal, which is never held back": {nil, &object.FlowSet{}, false},
	} {
		if got := (object.Change{Desired: c.desired, Observed: c.observed}).Protects(); got != c.want {
			t.Errorf("%s: protects %v, want %v", name, got, c.want)
		}
	}
}
