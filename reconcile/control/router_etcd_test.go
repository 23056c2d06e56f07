package control

import (
	"maps"
	"slices"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
)

// A floating address is moved between guests on two hosts. The statuses show where it is and with which address traffic leaves. A
// replica that takes over changes nothing.
func TestFloatingAddressesOnEtcd(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	_, stop := b.start("one", nil)
	b.region()
	for _, node := range []string{"h1", "h2"} {
		rep := etcdschema.NewTxn()
		rep.Put(etcdschema.ActualNode(node), etcdschema.NodeReport{Features: fixture.AllFeatures()})
		b.commit(rep)
	}
	b.put(model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: "operator"}, `{"spec":{}}`)
	b.put(fixture.Internet, fixture.InternetSpec)
	b.put(fixture.Network("green"), fixture.GreenSpec)
	b.put(fixture.Router("edge"), `{"spec":{"networks":["blue","green"],"externalNetwork":"operator/internet"}}`)
	b.put(fixture.Port("web-1"), fixture.PortOnH1)
	b.put(fixture.Port("web-2"), `{"spec":{"network":"green","host":"h2"}}`)
	b.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","port":"web-1"}}`)
	on := func(c *cache.Cache, node, name string) bool {
		f, ok := fixture.ItemOn[*desired.FloatingIP](c, node, fixture.Floating("web"))
		s := statusOf(c, fixture.Floating("web"))
		_, there := s.Nodes[node]
		return ok && c.Accepted(fixture.Port(name)) != nil && f.Port == c.Accepted(fixture.Port(name)).UID && there && len(s.Nodes) == 1 &&
			s.Allocated.FixedAddress == f.Fixed && slices.Equal(s.Allocated.Addresses, []model.Address{f.Address}) && c.Node(node).HeadMatches()
	}
	b.await("the floating address on h1", func(c *cache.Cache) bool { return on(c, "h1", "web-1") })
	b.await("the router's status names its addresses", func(c *cache.Cache) bool {
		s := statusOf(c, fixture.Router("edge"))
		return s.Phase == etcdschema.PhaseAccepted && len(s.Nodes["h1"].External) == 2 && len(s.Nodes["h2"].External) == 2
	})
	b.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","port":"web-2"}}`)
	b.await("the floating address on h2", func(c *cache.Cache) bool { return on(c, "h2", "web-2") })
	var before map[string]string
	b.await("what is desired", func(c *cache.Cache) bool { before = desiredText(c); return true })
	two, _ := b.start("two", nil)
	<-two.Ready()
	stop()
	b.put(fixture.Floating("spare"), `{"spec":{"network":"operator/internet"}}`)
	b.await("the second replica leads", func(c *cache.Cache) bool { return len(statusOf(c, fixture.Floating("spare")).Allocated.Addresses) == 1 })
	b.await("nothing has changed", func(c *cache.Cache) bool {
		for k, v := range desiredText(c) {
			if before[k] != v {
				return false
			}
		}
		return len(desiredText(c)) == len(before)
	})
}

// desiredText is all node configs as they are.
func desiredText(c *cache.Cache) map[string]string {
	out := map[string]string{}
	for k, e := range c.Entries() {
		if cache.Area(k) == "desired" {
			out[k.String()] = string(e.Data)
		}
	}
	return out
}

// A centralized router on etcd: its status names its hosts in order, and which of them is active. A host that is only silent keeps
// its place, also when another replica takes over.
func TestCentralRouterOnEtcd(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	_, stop := b.start("one", nil)
	b.region()
	for _, node := range []string{"g1", "g2", "h1"} {
		rep := etcdschema.NewTxn()
		rep.Put(etcdschema.ActualNode(node), etcdschema.NodeReport{Features: fixture.AllFeatures()})
		b.commit(rep)
	}
	b.put(model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: "operator"}, `{"spec":{}}`)
	b.put(fixture.Internet, fixture.InternetSpec)
	b.put(fixture.Network("green"), fixture.GreenSpec)
	b.put(model.HostID("g1"), fixture.GatewaySpec)
	b.put(model.HostID("g2"), fixture.GatewaySpec)
	b.put(fixture.Router("edge"), fixture.CentralSpec)
	b.put(fixture.Port("web-1"), fixture.PortOnH1)
	b.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet","port":"web-1"}}`)
	var list []string
	b.await("the router on both", func(c *cache.Cache) bool {
		st, f := statusOf(c, fixture.Router("edge")), statusOf(c, fixture.Floating("web"))
		list = st.Allocated.GatewayHosts
		return st.Phase == etcdschema.PhaseAccepted && len(list) == 2 && len(st.Nodes) == 2 && !st.Allocated.MAC.IsZero() &&
			len(st.Allocated.External) == 1 && len(f.Nodes) == 2 && f.Allocated.FixedAddress.IsValid()
	})
	var uid string
	b.await("its uid", func(c *cache.Cache) bool { uid = statusOf(c, fixture.Router("edge")).UID; return uid != "" })
	rep := etcdschema.NewTxn()
	rep.Put(etcdschema.ActualBucket(list[0], etcdschema.Bucket(uid)), etcdschema.BucketReport{
		Gateways: map[string]etcdschema.GatewayReport{uid: {ID: "alpha/edge", State: etcdschema.GatewayActive}},
	})
	b.commit(rep)
	b.await("which is active", func(c *cache.Cache) bool {
		return statusOf(c, fixture.Router("edge")).Nodes[list[0]].Gateway == etcdschema.GatewayActive
	})
	var before map[string]string
	b.await("what is desired", func(c *cache.Cache) bool { before = desiredText(c); return true })
	gone := etcdschema.NewTxn()
	gone.Delete(etcdschema.ActualNode(list[0]))
	b.commit(gone)
	two, _ := b.start("two", nil)
	<-two.Ready()
	stop()
	b.put(fixture.Floating("spare"), `{"spec":{"network":"operator/internet"}}`)
	b.await("the second replica leads", func(c *cache.Cache) bool { return len(statusOf(c, fixture.Floating("spare")).Allocated.Addresses) == 1 })
	b.await("nothing has changed", func(c *cache.Cache) bool { return maps.Equal(desiredText(c), before) })
}
