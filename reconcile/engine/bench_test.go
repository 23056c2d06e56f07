package engine

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// BenchmarkAddressChange measures the time from the batch with a port's changed address to its report, on a fake host with this
// many ports. It is the cost of the engine, compiling and planning, without OVS and etcd.
func BenchmarkAddressChange(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tb := newTestbed(b, model.DriverOVS)
			tb.dir = ""
			items := []desired.Item{tb.hostItem(), networkItem(1)}
			for i := range n {
				tb.host.Plug(fmt.Sprint("tap", i+1))
				items = append(items, portItem(i+1, 1))
			}
			tb.etcd.put(items...)
			tb.start()
			tb.awaitProcessed()
			i := 0
			for b.Loop() {
				i++
				p := portItem(1, 1)
				p.Addresses = append(p.Addresses, model.Address{Addr: netip.AddrFrom4([4]byte{10, 1, byte(200 + i>>8), byte(i)})})
				tb.etcd.put(p)
				tb.awaitProcessed()
			}
		})
	}
}

// awaitProcessed waits until the newest revision is reported as processed.
func (b *testbed) awaitProcessed() {
	b.t.Helper()
	deadline := time.After(time.Minute)
	for {
		b.etcd.mu.Lock()
		value, revision := b.etcd.actual[etcdschema.ActualNode(node).String()], b.etcd.revision
		b.etcd.mu.Unlock()
		if r, err := etcdschema.Decode[etcdschema.NodeReport](value); err == nil && r.ProcessedRevision >= revision && r.Exceptions == 0 {
			return
		}
		select {
		case <-b.etcd.reported:
		case <-deadline:
			b.t.Fatal("not processed within a minute")
		}
	}
}
