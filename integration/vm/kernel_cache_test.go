package vm

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// TestOneMakesAKernelForAll: several machines that boot at once need the same kernel.
func TestOneMakesAKernelForAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	there := func(cache string) (Kernel, bool) {
		_, err := os.Stat(filepath.Join(cache, "kernel"))
		return Kernel{Root: cache}, err == nil
	}
	var made atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			k, err := once(t.Context(), dir, there, func(_ context.Context, cache string) (Kernel, error) {
				made.Add(1)
				if err := os.WriteFile(filepath.Join(cache, "kernel"), nil, 0o600); err != nil {
					return Kernel{}, err
				}
				return Kernel{Root: cache}, nil
			})
			if err != nil || k.Root != dir {
				t.Errorf("kernel %+v, %v", k, err)
			}
		})
	}
	all.Wait()
	if n := made.Load(); n != 1 {
		t.Errorf("the kernel was made %d times", n)
	}
}
