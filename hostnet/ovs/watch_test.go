package ovs

import "testing"

// TestOnlyAnEstablishedMonitorIsMissedAtOnce: the monitor of a new bridge fails until the switch has made the bridge, without a
// warning. A monitor that is lost, or that never works, is a warning.
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
