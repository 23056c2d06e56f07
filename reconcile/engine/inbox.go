package engine

import (
	"sync"

	"weft/etcdschema"
	"weft/hostnet/object"
)

// arrived is what came in during a reconcile pass.
type arrived struct {
	batches []etcdschema.Batch
	keys    map[object.Key]string // → who changed it, if known
	devices map[string]bool
	resync  map[string]bool // drivers
}

// inbox collects for the loop what followers and drivers report from their goroutines.
type inbox struct {
	mu    sync.Mutex
	in    arrived
	ready chan struct{} // holds one token while something is in
}

func newInbox() *inbox {
	b := &inbox{ready: make(chan struct{}, 1)}
	b.in = emptyArrived()
	return b
}

func emptyArrived() arrived {
	return arrived{keys: map[object.Key]string{}, devices: map[string]bool{}, resync: map[string]bool{}}
}

// batch takes a batch of the node config's follower.
func (b *inbox) batch(batch etcdschema.Batch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.in.batches = append(b.in.batches, batch)
	b.wake()
	return nil
}

// event takes a driver's event.
func (b *inbox) event(driver string, e object.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range e.Keys {
		b.in.keys[k] = e.By
	}
	for _, d := range e.Devices {
		b.in.devices[d] = true
	}
	if e.Resync {
		b.in.resync[driver] = true
	}
	b.wake()
}

// wake puts the token in. The lock is held.
func (b *inbox) wake() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// take empties the inbox.
func (b *inbox) take() arrived {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.ready:
	default:
	}
	out := b.in
	b.in = emptyArrived()
	return out
}

// resyncs says that a driver has asked to be synced and was not yet.
func (b *inbox) resyncs(driver string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.in.resync[driver]
}

// waiting names one of the things that the loop has not taken in yet; empty when there is none.
func (b *inbox) waiting() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for d := range b.in.devices {
		return "device " + d + " has just changed"
	}
	for k := range b.in.keys {
		return k.String() + " has just changed"
	}
	for d := range b.in.resync {
		return "driver " + d + ": the host is to be read afresh"
	}
	if len(b.in.batches) > 0 {
		return "the node config has just changed"
	}
	return ""
}
