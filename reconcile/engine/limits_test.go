package engine

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/hostnet/object"
	"weft/model/desired"
)

// limitedPort is a port item with limits.
func limitedPort(n int, egress, ingress uint32) *desired.Port {
	p := portItem(n, 1)
	p.Limits = desired.PortLimits{Egress: desired.RateLimit{RateKbps: egress, PacketRate: egress / 10}, Ingress: desired.RateLimit{RateKbps: ingress}}
	return p
}

// since are the changes of the kinds of limits and of what depends on them, in order, as "op kind".
func (b *testbed) since(from int) (steps []string) {
	for _, c := range b.host.Journal()[from:] {
		switch k := c.Key().Kind; k {
		case object.KindMeter, object.KindFlowSet, object.KindQdisc, object.KindBridgePort:
			steps = append(steps, string(c.Op)+" "+string(k))
		}
	}
	return steps
}

// TestLimitsComeFirstAndGoLast: the limits are there before the guest may send, a new rate touches nothing else, and a meter goes after the
// flows that named it.
func TestLimitsComeFirstAndGoLast(t *testing.T) {
	t.Parallel()
	onEach(t, func(b *testbed) {
		b.host.Plug("tap1")
		b.etcd.put(b.hostItem(), networkItem(1), limitedPort(1, 10000, 5000))
		b.start()
		b.settle(time.Second)
		b.converged()
		steps := b.since(0)
		opens := slices.Index(steps, "create bridge-port")
		if b.ovs() { // the first flow sets are the bridge's and the network's
			opens = len(steps) - 1 - slices.Index(reversed(steps), "create flow-set")
		}
		if last := len(steps) - 1 - slices.Index(reversed(steps), "update qdisc"); opens < 0 || last > opens {
			t.Errorf("the device is limited after the guest may send: %v", steps)
		}
		if b.ovs() && slices.Index(steps, "create meter") > opens {
			t.Errorf("the meter comes after the flows: %v", steps)
		}

		for _, c := range []struct {
			what        string
			item        *desired.Port
			ovs, bridge []string
		}{
			{"another rate of what the guest sends", limitedPort(1, 20000, 5000), []string{"update meter", "update meter"}, []string{"update qdisc"}},
			{"another rate of what it receives", limitedPort(1, 20000, 6000), []string{"update qdisc"}, []string{"update qdisc"}},
			{"no limits", portItem(1, 1), []string{"update qdisc", "update flow-set", "delete meter", "delete meter"}, []string{"update qdisc"}},
		} {
			from := len(b.host.Journal())
			b.etcd.put(c.item)
			b.settle(time.Second)
			b.converged()
			want := c.bridge
			if b.ovs() {
				want = c.ovs
			}
			if got := qdiscsFirst(b.since(from)); !slices.Equal(got, want) {
				t.Errorf("%s: %v, expected %v", c.what, got, want)
			}
		}
	})
}

// qdiscsFirst puts the steps of qdiscs before the others: their driver works beside that of flows and meters, so either may be first where
// nothing orders them.
func qdiscsFirst(steps []string) []string {
	slices.SortStableFunc(steps, func(a, b string) int {
		return cmp.Compare(strings.Count(b, "qdisc"), strings.Count(a, "qdisc"))
	})
	return steps
}

func reversed(list []string) []string {
	out := slices.Clone(list)
	slices.Reverse(out)
	return out
}

// TestLimitsAreRepaired: what somebody does to a limit is drift, and is repaired. A restart of weftd writes nothing.
func TestLimitsAreRepaired(t *testing.T) {
	t.Parallel()
	onEach(t, func(b *testbed) {
		b.host.Plug("tap1")
		b.etcd.put(b.hostItem(), networkItem(1), limitedPort(1, 10000, 5000))
		b.start()
		b.settle(time.Second)
		b.converged()
		b.settle(2 * deviceSettles) // a difference on a new device is not drift
		from := len(b.host.Journal())
		b.restart()
		b.settle(2 * deviceSettles)
		b.converged()
		if steps := b.since(from); len(steps) > 0 {
			t.Errorf("a restart: %v", steps)
		}
		limits := []object.Key{{Kind: object.KindQdisc, Name: "tap1"}}
		for k := range b.host.Objects() {
			if k.Kind == object.KindMeter {
				limits = append(limits, k)
			}
		}
		if b.ovs() != (len(limits) == 4) {
			t.Fatalf("the limits are %v", limits)
		}
		for _, k := range limits {
			counted := repairs(b.node())
			switch o := b.host.Objects()[k].(type) {
			case *object.Qdisc:
				b.host.Alter(&object.Qdisc{Device: o.Device})
			case *object.Meter:
				b.host.Damage(k)
				b.settle(time.Second)
				b.converged()
				other := *o
				other.Rate *= 2
				b.host.AlterSilently(k, &other) // only a sweep finds it
				b.settle(10 * time.Minute)
			}
			b.settle(time.Second)
			b.converged()
			if repairs(b.node()) <= counted {
				t.Errorf("%s was broken, and nothing was counted", k)
			}
		}
		b.worst()
		b.settle(time.Second)
		b.converged()
	})
}
