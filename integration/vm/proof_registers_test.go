//go:build integration

package vm

import (
	"bytes"
	"runtime"
	"sync"
	"testing"
	"time"
)

// proveRegisters copies memory in several threads that displace each other. Copying uses the processor's widest registers. If the kernel
// mixed up those of two threads, a copy would be wrong.
func proveRegisters(t *testing.T) {
	const size = 64 << 10
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	end := time.Now().Add(2 * time.Second)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			from, to := bytes.Repeat([]byte{byte(i + 1)}, size), make([]byte, size)
			for time.Now().Before(end) {
				for range 100 {
					clear(to)
					copy(to, from)
					if !bytes.Equal(from, to) {
						t.Errorf("copy %d of %d bytes differs", i, size)
						return
					}
				}
			}
		})
	}
	all.Wait()
}
