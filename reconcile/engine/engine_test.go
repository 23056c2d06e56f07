package engine

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestPortIsWiredAndReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		b.host.Plug("tap1")
		b.start()
		b.etcd.put(hostItem(), networkItem(1), portItem(1, 1))
		b.settle(time.Millisecond)
		b.converged()
		if got := b.node(); got.ProcessedRevision != b.etcd.revision || got.Exceptions != 0 || got.Ports != 1 {
			t.Fatalf("reported %+v", got)
		}
		if b.ready != 1 {
			t.Fatalf("ready was said %d times", b.ready)
		}
	})
}
