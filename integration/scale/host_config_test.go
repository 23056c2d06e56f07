package scale

import (
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// A simulated host holds what its head says, and reports exactly the ports that it has.
func TestConfigFollowsItsHead(t *testing.T) {
	t.Parallel()
	s := newConfig("h1")
	port := &desired.Port{UID: "u1", Project: "alpha", Name: "web-1", Network: "n1", Device: "tap0", State: desired.StateActive}
	put := func(item desired.Item) etcdschema.Event {
		value, err := etcdschema.Encode(item)
		if err != nil {
			t.Fatal(err)
		}
		return etcdschema.Event{Item: etcdschema.Item{Key: etcdschema.DesiredKey("h1", item.Key()), Value: value}}
	}
	e := put(port)
	dirty := s.take([]etcdschema.Event{e})
	b := etcdschema.Bucket("u1")
	if !dirty[b] || len(dirty) != 1 {
		t.Fatalf("the port concerns bucket %d, not %v", b, dirty)
	}
	if s.whole() {
		t.Error("a node config without a head holds a port, and is taken for whole")
	}
	var d etcdschema.SetDigest
	d.Add(e.Key, e.Value)
	head, err := etcdschema.Encode(d.Head(1))
	if err != nil {
		t.Fatal(err)
	}
	s.take([]etcdschema.Event{{Item: etcdschema.Item{Key: etcdschema.HeadKey("h1"), Value: head}}})
	if !s.whole() {
		t.Error("the node config is what its head says, and is not taken for whole")
	}
	if got := s.bucket(b).Ports["u1"]; got.ID != "alpha/web-1" || got.Device != "tap0" {
		t.Errorf("reported %+v", got)
	}
	s.take([]etcdschema.Event{{Item: etcdschema.Item{Key: e.Key}, Deleted: true}})
	if got := s.bucket(b); len(got.Ports) != 0 || s.whole() {
		t.Errorf("after the port has gone: reported %+v, whole %v", got, s.whole())
	}
}

// A port is placed once its status names a node and addresses, and programmed once every node says so. The first time of each stays.
func TestStateOfAStatus(t *testing.T) {
	t.Parallel()
	before, now := time.Unix(1, 0), time.Unix(2, 0)
	addresses := etcdschema.Allocated{Addresses: make([]model.Address, 1)}
	nodes := func(programmed ...bool) map[string]etcdschema.NodeStatus {
		m := map[string]etcdschema.NodeStatus{}
		for i, p := range programmed {
			m[hostName(i)] = etcdschema.NodeStatus{Programmed: p}
		}
		return m
	}
	for _, c := range []struct {
		name   string
		status etcdschema.Status
		was    portState
		want   portState
	}{
		{"nothing", etcdschema.Status{}, portState{}, portState{}},
		{"no node", etcdschema.Status{Allocated: addresses}, portState{}, portState{}},
		{"no address", etcdschema.Status{Nodes: nodes(true)}, portState{}, portState{}},
		{"placed", etcdschema.Status{Allocated: addresses, Nodes: nodes(false)}, portState{}, portState{placed: now}},
		{"on one of two", etcdschema.Status{Allocated: addresses, Nodes: nodes(true, false)}, portState{placed: before}, portState{placed: before}},
		{"programmed", etcdschema.Status{Allocated: addresses, Nodes: nodes(true)}, portState{placed: before}, portState{before, now}},
		{"still", etcdschema.Status{Allocated: addresses, Nodes: nodes(true)}, portState{before, before}, portState{before, before}},
	} {
		if got := stateOf(c.status, c.was, now); got != c.want {
			t.Errorf("%s: %+v, expected %+v", c.name, got, c.want)
		}
	}
}
