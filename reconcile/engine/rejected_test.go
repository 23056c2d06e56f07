package engine

import (
	"slices"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/hostnet/object"
)

// TestRejectedFramesAreReported: the sweep asks the drivers, and their counts are added up. A driver that counts anew takes nothing away.
func TestRejectedFramesAreReported(t *testing.T) {
	t.Parallel()
	wiredOVS(t, 2, func(b *testbed) {
		reported := func(uid string) []etcdschema.RejectedFrames {
			return read[etcdschema.BucketReport](b, etcdschema.ActualBucket(node, etcdschema.Bucket(uid))).Ports[uid].Rejected
		}
		expect := func(when string, want ...etcdschema.RejectedFrames) {
			b.t.Helper()
			b.settle(2 * time.Minute)
			got := reported(portUID(1))
			if !slices.EqualFunc(got, want, func(a, b etcdschema.RejectedFrames) bool { return a.Reason == b.Reason && a.Frames == b.Frames }) {
				b.t.Errorf("%s: reported %+v, want %+v", when, got, want)
			}
		}
		expect("at first")
		binding, security := object.Key{Kind: object.KindDHCPBinding, Name: "tap1"}, b.protection(1)
		b.host.Reject(security, object.Rejected{Reason: object.RejectSourceMAC, Frames: 3}, object.Rejected{Reason: object.RejectARP, Frames: 1})
		expect("two reasons", etcdschema.RejectedFrames{Reason: "source-mac", Frames: 3}, etcdschema.RejectedFrames{Reason: "arp", Frames: 1})
		began := time.Now()
		b.host.Reject(security, object.Rejected{Reason: object.RejectSourceMAC, Frames: 5}, object.Rejected{Reason: object.RejectARP, Frames: 1})
		b.host.Reject(binding, object.Rejected{Reason: object.RejectARP, Frames: 7})
		expect("more", etcdschema.RejectedFrames{Reason: "source-mac", Frames: 5}, etcdschema.RejectedFrames{Reason: "arp", Frames: 8})
		if r := reported(portUID(1)); len(r) > 0 && (r[0].Last.Before(began.UTC()) || r[0].Last.After(time.Now())) {
			b.t.Errorf("the last frame is of %v, and it is %v", r[0].Last, time.Now())
		}
		b.host.Reject(security, object.Rejected{Reason: object.RejectSourceMAC, Frames: 2})
		expect("counted anew", etcdschema.RejectedFrames{Reason: "source-mac", Frames: 7}, etcdschema.RejectedFrames{Reason: "arp", Frames: 8})
		if r := reported(portUID(2)); len(r) != 0 {
			b.t.Errorf("the neighbour has %+v", r)
		}
	})
}

// TestDroppedAboveLimitsIsReported: what the limits of a router and of a floating address drop is reported of each, and is no count of a
// port.
func TestDroppedAboveLimitsIsReported(t *testing.T) {
	t.Parallel()
	wiredOVS(t, 1, func(b *testbed) {
		router, floating := routerItem(1), floatingItem(1, 1)
		router.Limits.Egress.RateKbps, floating.Limits.Ingress.PacketRate = 1000, 100
		b.etcd.put(b.hostItem(), externalItem(), router, floating)
		b.settle(2 * time.Minute)
		space := "weft-router-" + router.UID
		b.host.Reject(object.Key{Kind: object.KindNATTable, Name: space}, object.Rejected{Reason: object.RejectEgressRate, Frames: 3})
		b.host.Reject(object.Key{Kind: object.KindNATMapping, Name: space + "/" + floating.Address.String()}, object.Rejected{Reason: object.RejectIngressRate, Frames: 5})
		b.settle(2 * time.Minute)
		for uid, want := range map[string]etcdschema.RejectedFrames{router.UID: {Reason: "egress-rate", Frames: 3}, floating.UID: {Reason: "ingress-rate", Frames: 5}} {
			got := read[etcdschema.BucketReport](b, etcdschema.ActualBucket(node, etcdschema.Bucket(uid))).Limited[uid]
			if len(got) != 1 || got[0].Reason != want.Reason || got[0].Frames != want.Frames {
				b.t.Errorf("%s: reported %+v, want %+v: %+v", uid, got, want, b.exception(uid))
			}
		}
		if r := read[etcdschema.BucketReport](b, etcdschema.ActualBucket(node, etcdschema.Bucket(portUID(1)))); len(r.Limited[portUID(1)]) > 0 || len(r.Ports[portUID(1)].Rejected) > 0 {
			b.t.Errorf("the port has %+v", r)
		}
	})
}
