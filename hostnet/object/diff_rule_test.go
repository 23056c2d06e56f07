package object_test

import (
	"net/netip"
	"testing"

	"weft/hostnet/object"
)

// TestWhatIsNoDifference: foreign or unknown things are no difference. Everything else is.
func TestWhatIsNoDifference(t *testing.T) {
	t.Parallel()
	adopted := object.OVSPort{OwnerUID: "p", Bridge: "br", Device: "tap1", Adopted: true, Tag: object.DeadVLAN}
	plugged := adopted
	plugged.InterfaceID, plugged.MAC = "of-the-hypervisor", "fa:16:3e:00:00:01"
	untagged := plugged
	untagged.Tag = 0
	made := adopted
	made.Adopted = false
	anyMAC := object.Veth{Name: "a"}
	ofKernel := object.Veth{Name: "a", MAC: object.MAC{2}, Peer: object.VethEnd{MAC: object.MAC{2, 1}}}
	settings := func(s ...object.Setting) *object.Bridge { return &object.Bridge{Settings: s} }
	ours := object.Setting{Key: "disable-in-band", Value: "true"}
	forwards := func(f ...object.NATForward) *object.NATMapping { return &object.NATMapping{Forwards: f} }
	guest := netip.MustParseAddr("10.0.0.5")
	for name, c := range map[string]struct {
		want, have object.Object
		none       bool
	}{
		"an adopted port's interface id":       {&adopted, &plugged, true},
		"an adopted port's tag":                {&adopted, &untagged, false},
		"a port's interface id":                {&made, &plugged, false},
		"a MAC that the kernel chose":          {&anyMAC, &ofKernel, true},
		"a MAC that was asked for":             {&ofKernel, &anyMAC, false},
		"fragments of which nothing is known":  {&object.Bridge{Fragments: object.FragmentsNXMatch}, &object.Bridge{}, true},
		"fragments that are hidden":            {&object.Bridge{Fragments: object.FragmentsNXMatch}, &object.Bridge{Fragments: "normal"}, false},
		"a setting that is not ours":           {settings(ours), settings(object.Setting{Key: "x", Value: "1"}, ours), true},
		"a setting that is missing":            {settings(ours), settings(), false},
		"an element that is there twice":       {&object.PortSecurityElements{Elements: []object.PortSecurityElement{{Set: "macs"}}}, &object.PortSecurityElements{Elements: []object.PortSecurityElement{{Set: "macs"}, {Set: "macs"}}}, true},
		"forwards that continue each other":    {forwards(object.NATForward{Protocol: "tcp", First: 1, Last: 2, To: guest, ToFirst: 11}, object.NATForward{Protocol: "tcp", First: 3, Last: 4, To: guest, ToFirst: 13}), forwards(object.NATForward{Protocol: "tcp", First: 1, Last: 4, To: guest, ToFirst: 11}), true},
		"forwards with a port between":         {forwards(object.NATForward{Protocol: "tcp", First: 1, Last: 2, To: guest, ToFirst: 11}, object.NATForward{Protocol: "tcp", First: 4, Last: 4, To: guest, ToFirst: 13}), forwards(object.NATForward{Protocol: "tcp", First: 1, Last: 4, To: guest, ToFirst: 11}), false},
		"forwards to ports with one between":   {forwards(object.NATForward{Protocol: "tcp", First: 1, Last: 2, To: guest, ToFirst: 11}, object.NATForward{Protocol: "tcp", First: 3, Last: 4, To: guest, ToFirst: 14}), forwards(object.NATForward{Protocol: "tcp", First: 1, Last: 4, To: guest, ToFirst: 11}), false},
		"forwards of another protocol":         {forwards(object.NATForward{Protocol: "tcp", First: 1, Last: 2, To: guest, ToFirst: 11}, object.NATForward{Protocol: "udp", First: 3, Last: 4, To: guest, ToFirst: 13}), forwards(object.NATForward{Protocol: "tcp", First: 1, Last: 4, To: guest, ToFirst: 11}), false},
		"forwards up to the last port":         {forwards(object.NATForward{Protocol: "tcp", First: 1, Last: 65535, To: guest, ToFirst: 1}, object.NATForward{Protocol: "tcp", First: 0, Last: 0, To: guest, ToFirst: 0}), forwards(object.NATForward{Protocol: "tcp", First: 0, Last: 65535, To: guest, ToFirst: 0}), true},
		"forwards after the last port":         {forwards(object.NATForward{Protocol: "tcp", First: 65535, Last: 65535, To: guest, ToFirst: 7}), forwards(object.NATForward{Protocol: "tcp", First: 65534, Last: 65535, To: guest, ToFirst: 6}), false},
		"forwards to another guest's next one": {forwards(object.NATForward{Protocol: "tcp", First: 1, Last: 2, To: guest, ToFirst: 11}, object.NATForward{Protocol: "tcp", First: 3, Last: 4, To: guest.Next(), ToFirst: 13}), forwards(object.NATForward{Protocol: "tcp", First: 1, Last: 4, To: guest, ToFirst: 11}), false},
	} {
		if d := c.want.Diff(c.have); (len(d) == 0) != c.none {
			t.Errorf("%s: %v", name, d)
		}
	}
}

// TestReplacedDeviceIsAnotherField: the engine counts one as somebody's change and the other as a hypervisor's normal work.
func TestReplacedDeviceIsAnotherField(t *testing.T) {
	t.Parallel()
	for _, like := range []func(object.Attachment) object.Object{
		func(a object.Attachment) object.Object { return &object.Uplink{Attachment: a} },
		func(a object.Attachment) object.Object { return &object.OVSPort{Attachment: a} },
	} {
		for a, want := range map[object.Attachment]string{object.AttachmentLost: object.FieldReplaced, object.AttachmentNotPromiscuous: "promiscuous"} {
			if d := like("").Diff(like(a)); len(d) != 1 || d[0].Field != want || d[0].Observed != string(a) {
				t.Errorf("%s: %v", a, d)
			}
		}
	}
}

// TestFlowDelta: missing flows have to be added, which replaces a flow with other actions. Extra flows have to be deleted, in a
// stable order.
func TestFlowDelta(t *testing.T) {
	t.Parallel()
	flow := func(table uint8, priority uint16, port uint32, out ...uint32) object.Flow {
		f := object.Flow{Table: table, Priority: priority, Match: object.Match{InPort: port}}
		for _, p := range out {
			f.Actions = append(f.Actions, object.Output{Port: p})
		}
		return f
	}
	have := []object.Flow{flow(2, 5, 1), flow(0, 5, 2, 7), flow(0, 9, 1), flow(0, 9, 3, 1), flow(2, 5, 0)}
	want := []object.Flow{flow(0, 9, 3, 1), flow(0, 5, 2, 8), flow(1, 1, 1, 1)}
	missing, extra := object.FlowDelta(have, want)
	text := func(flows []object.Flow) (all []string) {
		for _, f := range flows {
			all = append(all, f.String())
		}
		return all
	}
	expect(t, "missing", text(missing), "table=0 priority=5 in_port=2 → output:8", "table=1 priority=1 in_port=1 → output:1")
	expect(t, "extra", text(extra), "table=0 priority=9 in_port=1 → drop", "table=2 priority=5 any → drop", "table=2 priority=5 in_port=1 → drop")
	if missing, extra := object.FlowDelta(want, want); len(missing)+len(extra) > 0 {
		t.Errorf("equal sets differ: %v, %v", missing, extra)
	}
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %q, expected %q", what, got, want)
		return
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s: %q, expected %q", what, got, want)
		}
	}
}

// TestPortSecurityDelta: an element is added once even if it is desired twice. It is removed if it is not desired.
func TestPortSecurityDelta(t *testing.T) {
	t.Parallel()
	guest := object.PortSecurityElement{Set: object.PortSecurityGuests, Interface: "tap1"}
	sends := object.PortSecurityElement{Set: object.PortSecurityMACs, Interface: "tap1", MAC: object.MAC{2, 0, 0, 0, 0, 1}}
	has := object.PortSecurityElement{Set: object.PortSecurityIPv4, Interface: "tap1", Address: netip.MustParseAddr("10.0.0.5")}
	missing, extra := object.PortSecurityDelta([]object.PortSecurityElement{has, guest}, []object.PortSecurityElement{sends, guest, sends})
	text := func(elements []object.PortSecurityElement) (all []string) {
		for _, m := range elements {
			all = append(all, m.String())
		}
		return all
	}
	expect(t, "missing", text(missing), "macs: tap1 . 02:00:00:00:00:01")
	expect(t, "extra", text(extra), "ipv4: tap1 . 10.0.0.5")
	if missing, extra := object.PortSecurityDelta(nil, nil); len(missing)+len(extra) > 0 {
		t.Errorf("of nothing: %v, %v", missing, extra)
	}
}
