package timescale

import (
	"testing"
	"time"
)

// The environment belongs to the whole program, so this test does not run in parallel.
func TestBound(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": time.Second, "1": time.Second, "10": 10 * time.Second, "2.5": 2500 * time.Millisecond,
		"0": time.Second, "-3": time.Second, "NaN": time.Second, "1001": time.Second, "ten": time.Second,
	} {
		t.Setenv(Variable, value)
		if got := Bound(time.Second); got != want {
			t.Errorf("%s=%q: a bound of 1s became %v, want %v", Variable, value, got, want)
		}
	}
}

func TestWithin(t *testing.T) {
	for value, want := range map[string]time.Duration{"": time.Second, "2": 2 * time.Second, "3": 3 * time.Second, "10": 3 * time.Second} {
		t.Setenv(Variable, value)
		if got := Within(time.Second); got != want {
			t.Errorf("%s=%q: what must take 1s may take %v, want %v", Variable, value, got, want)
		}
	}
}
