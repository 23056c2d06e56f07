package daemon

import (
	"context"
	"log/slog"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// giveBackInterval is how often memory that is not needed is looked for.
	giveBackInterval = 5 * time.Second
	// giveBackBytes is how much of it is worth a garbage collection, which takes some 30 ms of processor time with a thousand ports.
	giveBackBytes = 6 << 20
	// settleLooks is after how many looks memory is given back once more after the first full sync. Until then the state file was
	// written, and the pools have forgotten the buffers of the start.
	settleLooks = 3
)

// giveBack returns memory to the operating system that earlier work has left behind: at the first full sync, when everything has
// settled after it, and later whenever much has come together since the last time. The runtime itself keeps most of it, because it
// expects as much work again. After a start the pages of the program's file are unmapped too, because most of them are needed for that alone.
// It ends with ctx and returns nil.
//
// The heap is compared with what the last collection has left. A heap that has grown and shrunk always has free places between its
// objects. No collection gives them back, and they are used again.
func giveBack(ctx context.Context, ready <-chan struct{}, log *slog.Logger) error {
	ticker := time.NewTicker(giveBackInterval)
	defer ticker.Stop()
	program, err := ownMappings()
	if err != nil {
		log.Debug("cannot find the pages of the program", "error", err)
	}
	var left uint64
	looks := -1 // since the first full sync
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ready:
			ready, looks = nil, 0
		case <-ticker.C:
			if looks >= 0 {
				looks++
			}
			if looks != settleLooks && heapMemory() < left+giveBackBytes {
				continue
			}
		}
		debug.FreeOSMemory()
		left = heapMemory()
		if looks == 0 || looks == settleLooks {
			if err := forgetProgram(program); err != nil {
				log.Debug("cannot unmap the pages of the program that only the start needs", "error", err)
			}
		}
	}
}

// heapMemory is the memory of the heap that the operating system has not got back, in bytes.
func heapMemory() (sum uint64) {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(s)
	for _, one := range s {
		sum += one.Value.Uint64()
	}
	return sum
}
