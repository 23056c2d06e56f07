package need

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, n := range All() {
		if got, err := Parse(string(n)); err != nil || got != n {
			t.Errorf("%s read as %q, error %v", n, got, err)
		}
	}
	if n, err := Parse("time-machine"); err == nil {
		t.Errorf("an unknown feature was read as %q", n)
	}
}

func TestWorkedTellsLackFromError(t *testing.T) {
	t.Parallel()
	if ok, err := worked(nil); !ok || err != nil {
		t.Errorf("no error: %v, %v", ok, err)
	}
	if ok, err := worked(fmt.Errorf("add: %w", unix.EOPNOTSUPP)); ok || err != nil {
		t.Errorf("EOPNOTSUPP is a lack: %v, %v", ok, err)
	}
	if _, err := worked(unix.EPERM); !errors.Is(err, unix.EPERM) {
		t.Errorf("EPERM is no lack: %v", err)
	}
}
