package scale

import (
	"os"
	"runtime"
	"testing"
)

// The peak of a command is its own, although the process that measures it has much more memory.
func TestPeakIsOfTheCommandAlone(t *testing.T) {
	const mine, its = 256 << 10, 100 << 10 // KiB
	memory := make([]byte, mine<<10)
	for i := range memory {
		memory[i] = 1
	}
	small, err := measured(t.Context(), os.Environ(), 0, "dd", "if=/dev/zero", "of=/dev/null", "bs=1k", "count=1")
	if err != nil {
		t.Fatal(err)
	}
	large, err := measured(t.Context(), os.Environ(), 0, "dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=1")
	if err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(memory)
	if small.Peak > mine/2 { // the launcher's own is below that, even with the race detector
		t.Errorf("dd with a block of 1 KiB: at most %d KiB", small.Peak)
	}
	if large.Peak < its || large.Peak > mine/2 {
		t.Errorf("dd with a block of %d KiB: at most %d KiB", its, large.Peak)
	}
}

// An exit status that is not allowed is an error, and so is a program that is not there.
func TestFailedCommandIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := measured(t.Context(), os.Environ(), 1, "false"); err != nil {
		t.Error(err)
	}
	for _, program := range []string{"false", "/nowhere/weft"} {
		if _, err := measured(t.Context(), os.Environ(), 0, program); err == nil {
			t.Errorf("%s: no error", program)
		}
	}
}
