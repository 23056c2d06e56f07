package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weft/etcdschema"
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

func (b *testbed) warnings(uid string) []etcdschema.Warning {
	b.t.Helper()
	return read[etcdschema.BucketReport](b, etcdschema.ActualBucket(node, etcdschema.Bucket(uid))).Warnings[uid]
}

// Warnings of compiling and of drivers are reported with the time at which they began, until they are over.
func TestWarningsAreReported(t *testing.T) {
	t.Parallel()
	wiredOVS(t, 2, func(b *testbed) {
		began := time.Now().UTC()
		b.host.Attach("tap1", "fa:16:3e:99:99:99")
		b.host.Warn(object.Key{Kind: object.KindDHCPBinding, Name: "tap1"}, object.Warning{Reason: object.WarnAddressDeclined, Message: "once"})
		b.settle(time.Second)
		b.converged()
		b.host.Warn(object.Key{Kind: object.KindDHCPBinding, Name: "tap1"}, object.Warning{Reason: object.WarnAddressDeclined, Message: "twice"})
		b.settle(time.Second)
		w := b.warnings(portUID(1))
		if len(w) != 1 || w[0].Reason != string(object.WarnAddressDeclined) || w[0].Message != "twice" || !w[0].Since.Equal(began) {
			b.t.Fatalf("reported %+v", w)
		}
		if n := b.node(); n.Warnings != 1 || n.Exceptions != 0 || len(b.warnings(portUID(2))) != 0 {
			b.t.Errorf("reported %+v", n)
		}
		b.host.Warn(object.Key{Kind: object.KindDHCPBinding, Name: "tap1"})
		b.settle(time.Second)
		if w := b.warnings(portUID(1)); len(w) != 0 {
			b.t.Errorf("over, and reported %+v", w)
		}
		b.host.PlugOVS("br-int", "vnet1", portUID(1))
		b.host.Attach("vnet1", "fa:16:3e:99:99:99")
		b.settle(time.Second)
		if w := b.warnings(portUID(1)); len(w) != 1 || w[0].Reason != string(object.WarnMACMismatch) || !strings.Contains(w[0].Message, `"fa:16:3e:99:99:99"`) ||
			!strings.Contains(w[0].Message, portItem(1, 1).MAC.String()) {
			b.t.Errorf("reported %+v", w)
		}
		b.host.Attach("vnet1", "FA:16:3E:00:00:01")
		b.settle(time.Second)
		if w := b.warnings(portUID(1)); len(w) != 0 {
			b.t.Errorf("the port's own MAC, and reported %+v", w)
		}
	})
}

// An interface of no port gets a warning when it stays. A hypervisor may be faster than the controllers.
func TestStrangersAreReportedWhenTheyStay(t *testing.T) {
	t.Parallel()
	wiredOVS(t, 1, func(b *testbed) {
		host := hostUID
		b.host.PlugOVS("br-int", "vnet7", portUID(7))
		b.host.PlugOVS("br-int", "vnet8", "of-another-cloud")
		b.host.PlugOVS("br-int", "vnet9", "")
		b.host.PlugOVS("br-other", "vnet10", "")
		b.settle(strangerPatience / 2)
		b.etcd.put(portItem(7, 1))
		if w := b.warnings(host); len(w) != 0 {
			b.t.Fatalf("at once, and reported %+v", w)
		}
		b.settle(strangerPatience)
		w := b.warnings(host)
		if len(w) != 2 || w[0].Reason != string(object.WarnUnknownInterface) || !strings.Contains(w[0].Message+w[1].Message, `"of-another-cloud"`) ||
			!strings.Contains(w[0].Message+w[1].Message, `"vnet9" on bridge br-int belongs to nobody`) {
			b.t.Fatalf("reported %+v", w)
		}
		b.etcd.drop(desired.Key{Kind: desired.KindPort, UID: portUID(7)})
		b.settle(2 * strangerPatience)
		if w := b.warnings(host); len(w) != 3 {
			b.t.Errorf("its port is gone, and reported %+v", w)
		}
		b.host.UnplugOVS("vnet7")
		b.host.UnplugOVS("vnet8")
		b.host.UnplugOVS("vnet9")
		b.settle(time.Second)
		if w := b.warnings(host); len(w) != 0 {
			b.t.Errorf("gone, and reported %+v", w)
		}
	})
}

// The report names the interface of the port.
func TestInterfaceInUseIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, model.DriverOVS)
		b.etcd.put(b.hostItem(), networkItem(1), portItem(1, 1))
		b.start()
		b.settle(time.Second)
		device := func() string {
			return read[etcdschema.BucketReport](b, etcdschema.ActualBucket(node, etcdschema.Bucket(portUID(1)))).Ports[portUID(1)].Device
		}
		if d := device(); d != "" {
			t.Errorf("nothing is plugged, reported %q", d)
		}
		b.host.PlugOVS("br-int", "vnet5", portUID(1))
		b.settle(time.Second)
		if d := device(); d != "vnet5" {
			t.Errorf("reported %q", d)
		}
		b.host.UnplugOVS("vnet5")
		b.host.Plug("tap1")
		b.settle(time.Second)
		if d := device(); d != "tap1" {
			t.Errorf("reported %q", d)
		}
	})
}
