package planner

import (
	"fmt"
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/reconcile/control/internal/fixture"
)

// TestGuestConfigStaysWithTheControllers: what a guest is configured with is in the accepted port and in no node config. A change of it
// writes the accepted port and nothing else.
func TestGuestConfigStaysWithTheControllers(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
	spec := func(secret string) string {
		return fmt.Sprintf(`{"spec":{"network":"blue","host":"h1","userData":"%s","sshKeys":["%s %s"],"metadata":[{"key":"k","value":"%s"}]}}`,
			secret, key, secret, secret)
	}
	s.put(fixture.Port("web"), spec("hunter1"))
	s.settle()
	s.check()
	s.wrote(t, "other user data", 1, func() { s.put(fixture.Port("web"), spec("hunter2")) })
	accepted := etcdschema.AcceptedKey(fixture.Port("web"))
	found := 0
	for k, v := range s.snapshot() {
		switch n := strings.Count(v, "hunter"); k {
		case accepted.String():
			found = n
		case etcdschema.Intent(fixture.Port("web")).String():
		default:
			if n > 0 {
				t.Errorf("%s holds what is for the guest alone: %s", k, v)
			}
		}
	}
	if found != 3 {
		t.Errorf("the accepted port has %d of 3 values", found)
	}
}
