package ovs

import "testing"

// A new bridge's monitor fails until the switch has made the bridge: no warning. A lost one, or one that never comes, is.
func TestOnlyAnEstablishedMonitorIsMissedAtOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		established bool
		failures    int
		want        bool
	}{{false, 1, false}, {false, quietFailures, false}, {false, quietFailures + 1, true}, {true, 1, true}} {
		if got := alarming(c.established, c.failures); got != c.want {
			t.Errorf("established %v, failures %d: warning %v, want %v", c.established, c.failures, got, c.want)
		}
	}
}
