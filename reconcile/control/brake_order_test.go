package control

import (
	"fmt"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
)

// manyAccepted is a cache with n accepted ports and their intents.
func manyAccepted(n int) *Cache {
	c := NewCache()
	for i := range n {
		id := port(fmt.Sprintf("p%d", i))
		o := model.Object{Kind: id.Kind, Metadata: model.Metadata{Project: id.Project, Name: id.Name}, Spec: &model.PortSpec{}}
		c.set(etcdschema.Intent(id), &entry{mod: int64(i + 1), value: &intent{object: o}})
		c.set(etcdschema.AcceptedKey(id), &entry{value: &etcdschema.Accepted{UID: id.Name, Object: o}})
	}
	c.Revision = int64(n)
	return c
}

// goneFrom deletes intents and returns why the brake would be put on.
func (b *brake) goneFrom(c *Cache, from, to int, now time.Time) string {
	var batch etcdschema.Batch
	for i := from; i < to; i++ {
		batch.Events = append(batch.Events, etcdschema.Event{Item: etcdschema.Item{Key: etcdschema.Intent(port(fmt.Sprintf("p%d", i)))}, Deleted: true})
	}
	why := b.watch(c, batch, nil, now)
	for _, ev := range batch.Events {
		c.set(ev.Key, nil)
	}
	c.Revision += int64(to - from)
	return why
}

// One accept is enough, whichever replica reads it and whoever is the leader then. It permits nothing that is deleted later.
func TestAnAcceptIsCarriedOutByWhoeverLeads(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	c := manyAccepted(100)
	var br brake
	if why := br.goneFrom(c, 0, 50, now); why == "" {
		t.Fatal("half of all went")
	}
	on := &etcdschema.Brake{Reason: "they went", Revision: c.Revision, Restored: true}
	br.learn(&etcdschema.ControlStatus{Brake: on})
	c.Revision++
	c.set(acceptOrder(), &entry{mod: c.Revision})
	if !br.accept(c) || br.on != nil || br.accept(c) {
		t.Errorf("the order is heard once, and ends the brake: %+v", br.on)
	}
	if why, _ := br.takeover(c); why != "" {
		t.Errorf("who takes over after the accept: %s", why)
	}
	// A replica that starts now finds the order and the status.
	fresh := brake{}
	fresh.learn(&etcdschema.ControlStatus{AcceptedRevision: br.revision, Accepting: br.accepting})
	if !fresh.accept(c) || !fresh.accepting.Restored {
		t.Errorf("a new replica does not go on with the accept: %+v", fresh.accepting)
	}
	if why, _ := fresh.takeover(c); why != "" {
		t.Errorf("a new replica that leads: %s", why)
	}
	// Older versions carry an order out and leave its key. Such an order permits nothing.
	older := brake{}
	older.learn(&etcdschema.ControlStatus{AcceptedRevision: br.revision})
	if older.accept(c) {
		t.Error("an order of long ago permits what goes today")
	}
	if why := br.goneFrom(c, 50, 80, now); why == "" {
		t.Error("what goes after the accept is no mistake any more")
	}
	if done := br.carriedOut(c, false, now); len(done) != 0 {
		t.Errorf("objects are still there, and carried out is %v", done)
	}
	for i := range 50 {
		c.set(etcdschema.AcceptedKey(port(fmt.Sprintf("p%d", i))), nil)
	}
	if done := br.carriedOut(c, true, now); len(done) != 0 {
		t.Errorf("claims are to be rebuilt, and carried out is %v", done)
	}
	if done := br.carriedOut(c, false, now); len(done) != 1 || done[0] != acceptOrder() {
		t.Errorf("all are gone, and carried out is %v", done)
	}
}

// Objects that a deletion order names are deleted without the brake, before and after a change of leader. Others are not.
func TestADeletionOrderPermitsWhatItNames(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	c := manyAccepted(100)
	o := etcdschema.Order{Objects: []string{"no object", "alpha/port/p99", "_/host/h1"}}
	for i := range 50 {
		o.Objects = append(o.Objects, fmt.Sprintf("alpha/port/p%d", i))
	}
	value, err := etcdschema.Encode(o)
	if err != nil {
		t.Fatal(err)
	}
	k := etcdschema.DeletionOrder("x")
	order := etcdschema.Batch{Events: []etcdschema.Event{{Item: etcdschema.Item{Key: k, Value: value}}}}
	var br, next brake
	br.hearDeletions(NewCache(), order, now)
	if why := br.goneFrom(c, 0, 50, now); why != "" {
		t.Errorf("named, and %s", why)
	}
	next.hearDeletions(NewCache(), order, now)
	if why, _ := next.takeover(c); why != "" {
		t.Errorf("the next leader: %s", why)
	}
	if why := br.goneFrom(c, 50, 75, now); why == "" {
		t.Error("others went with them")
	}
	for i := range 50 {
		c.set(etcdschema.AcceptedKey(port(fmt.Sprintf("p%d", i))), nil)
	}
	if done := br.carriedOut(c, false, now); len(done) != 0 {
		t.Error("p99 is not deleted yet")
	}
	if done := br.carriedOut(c, false, now.Add(deletionPatience+1)); len(done) != 1 || done[0] != k || br.permitted(port("p99")) {
		t.Errorf("nobody has deleted p99 for long: %v", done)
	}
	gone := etcdschema.Batch{Events: []etcdschema.Event{{Item: etcdschema.Item{Key: k}, Deleted: true}}}
	next.hearDeletions(NewCache(), gone, now)
	if next.permitted(port("p99")) {
		t.Error("the order is gone and permits")
	}
}
