package compile_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
	"weft/reconcile/compile/internal/fixture"
	"weft/reconcile/compile/linuxbridge"
	"weft/reconcile/compile/openvswitch"
)

// A host can use everything that the model accepts: any such name of a device, bridge or interface compiles.
func TestNamesThatTheDoorLetsInCompile(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.OneOf(rapid.StringMatching(`[ -~]{1,16}`), rapid.StringMatching("[-a-z0-9._%/:\"'\\\\`$;&|<>!*?]{1,15}")).Draw(r, "name")
		id := model.ID{Project: "alpha", Kind: model.KindPort, Name: "p"}
		spec, err := json.Marshal(map[string]any{"spec": map[string]any{"network": "n", "host": "h", "device": name}})
		if err != nil {
			r.Fatal(err)
		}
		if _, err := model.DecodeIntent(id, spec); err != nil {
			return
		}
		in := fixture.Plain()
		p := *in.Config.Port(fixture.UIDs(in.Config, desired.KindPort)[0])
		p.Device = name
		in.Config.Put(&p)
		if u := compile.Compile(in, p.Key()); strings.Contains(u.Refused, "interface name") || strings.Contains(u.Refused, "15 bytes") {
			r.Fatalf("device %q is accepted, and refused by the host: %s", name, u.Refused)
		}
		h := *in.Config.Host()
		h.Uplinks = append([]desired.Uplink{{PhysicalNetwork: "other", Interface: name, MTU: 1500}}, h.Uplinks...)
		in.Config.Put(&h)
		if u := compile.Compile(in, h.Key()); strings.Contains(u.Refused, "interface name") || strings.Contains(u.Refused, "15 bytes") {
			r.Fatalf("uplink %q is accepted, and refused by the host: %s", name, u.Refused)
		}
	})
}

// No guest's device may have a name that Weft gives to a device of its own. Somebody who knows the uids could otherwise take a
// router's place.
func TestNoGuestHasADeviceOfOurs(t *testing.T) {
	t.Parallel()
	for _, name := range []string{compile.RouterInterfaceDevice(fixture.RouterUID, fixture.NetRed), compile.ExternalGatewayDevice(fixture.NetPublic), compile.CentralGatewayDevice(fixture.RouterUID, fixture.NetPublic),
		openvswitch.SessionDevice(fixture.NetPublic, "h1"), linuxbridge.BridgeName(fixture.NetRed), linuxbridge.VLANName(fixture.NetRed)} {
		id := model.ID{Project: "alpha", Kind: model.KindPort, Name: "p"}
		_, err := model.DecodeIntent(id, []byte(`{"spec": {"network": "n", "device": "`+name+`"}}`))
		if err == nil || !strings.Contains(err.Error(), "its own devices") {
			t.Errorf("device %s: %v, expected a refusal", name, err)
		}
	}
}
