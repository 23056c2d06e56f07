package ovsdb

import "testing"

// TestClonesShareNothing: the cache keeps what is read, and neither may change the other's.
func TestClonesShareNothing(t *testing.T) {
	t.Parallel()
	text, n := "x", 1
	i := &Interface{Name: "a", OFPort: &n, OFPortRequest: &n, Error: &text, MTURequest: &n, LinkState: &text,
		ExternalIDs: map[string]string{"k": "v"},
		Options:     map[string]string{"k": "v"}, BFD: map[string]string{"k": "v"}, BFDStatus: map[string]string{"k": "v"}}
	ic := i.CloneModel().(*Interface)
	for _, p := range []*int{ic.OFPort, ic.OFPortRequest, ic.MTURequest} {
		*p = 2
	}
	*ic.Error, *ic.LinkState = "y", "y"
	b := &Bridge{Name: "b", Ports: []string{"p"}, Controller: []string{"p"}, Protocols: []string{"p"}, FailMode: &text,
		OtherConfig: map[string]string{"k": "v"}, ExternalIDs: map[string]string{"k": "v"}}
	bc := b.CloneModel().(*Bridge)
	*bc.FailMode = "y"
	p := &Port{Name: "p", Interfaces: []string{"p"}, Tag: &n, ExternalIDs: map[string]string{"k": "v"}}
	pc := p.CloneModel().(*Port)
	*pc.Tag = 2
	r := &OpenVSwitch{Bridges: []string{"p"}, NextCfg: 1, CurCfg: 1}
	rc := r.CloneModel().(*OpenVSwitch)
	for _, list := range [][]string{bc.Ports, bc.Controller, bc.Protocols, pc.Interfaces, rc.Bridges} {
		list[0] = "q"
	}
	for _, m := range []map[string]string{ic.ExternalIDs, ic.Options, ic.BFD, ic.BFDStatus, bc.OtherConfig, bc.ExternalIDs, pc.ExternalIDs} {
		m["k"] = "w"
	}
	for _, list := range [][]string{b.Ports, b.Controller, b.Protocols, p.Interfaces, r.Bridges} {
		if list[0] != "p" {
			t.Errorf("a list is shared: %v, %v, %v", b, p, r)
		}
	}
	for _, m := range []map[string]string{i.ExternalIDs, i.Options, i.BFD, i.BFDStatus, b.OtherConfig, b.ExternalIDs, p.ExternalIDs} {
		if m["k"] != "v" {
			t.Errorf("a map is shared: %v, %v, %v", i, b, p)
		}
	}
	if text != "x" || n != 1 {
		t.Errorf("a pointer is shared: %q, %d", text, n)
	}
	var into Interface
	i.CloneModelInto(&into)
	if into.Name != "a" || into.OFPort == i.OFPort || *into.OFPort != 1 {
		t.Errorf("cloned into: %+v", into)
	}
}
