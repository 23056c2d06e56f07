package routing

import "testing"

// TestCPUMask: the mask that the kernel reads, whatever the list of processors looks like.
func TestCPUMask(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"0": "00000001", "0-1": "00000003", "0-2,7": "00000087", "31-32": "00000001,80000000", "64": "00000001,00000000,00000000",
	} {
		if got, err := cpuMask(list); err != nil || got != want {
			t.Errorf("%s: mask %q, error %v, want %q", list, got, err, want)
		}
	}
	for _, list := range []string{"", "a", "3-1", "0-", "-1", "0,,1", "99999999"} {
		if got, err := cpuMask(list); err == nil {
			t.Errorf("%q was read as %s", list, got)
		}
	}
}
