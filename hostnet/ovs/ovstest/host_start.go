package ovstest

import "context"

// TB is what Start needs of a test. testing.TB implements it.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Start launches a host for a test and stops it when the test ends.
func Start(t TB) *Host {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	h, err := Launch(ctx, Config{})
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(h.Stop)
	return h
}
