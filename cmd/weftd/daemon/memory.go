package daemon

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// giveBackInterval is how often memory that is not needed is looked for.
	giveBackInterval = 5 * time.Second
	// giveBackBytes is how much of it is worth a garbage collection, which takes some 30 ms of processor time with a thousand ports.
	giveBackBytes = 12 << 20
)

// giveBack returns memory to the operating system that earlier work has left behind: at the first full sync, and later whenever much
// has come together. The runtime itself keeps most of it, because it expects as much work again. It ends with ctx and returns nil.
func giveBack(ctx context.Context, ready <-chan struct{}) error {
	ticker := time.NewTicker(giveBackInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ready:
			ready = nil
			debug.FreeOSMemory()
		case <-ticker.C:
			if idleMemory() >= giveBackBytes {
				debug.FreeOSMemory()
			}
		}
	}
}

// idleMemory is what a garbage collection could give back, in bytes: what has become garbage since the last one at most, and what is
// free already.
func idleMemory() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(s)
	objects, live, free, unused := s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64(), s[3].Value.Uint64()
	return objects - min(live, objects) + free + unused
}
