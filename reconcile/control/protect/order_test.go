package protect

import (
	"fmt"
	"testing"
	"time"

	"weft/etcdschema"
)

// manyAccepted is a region with n accepted ports and their intents.
func manyAccepted(n int) *region {
	r := newRegion()
	for i := range n {
		r.declare(port(fmt.Sprintf("p%d", i)), true)
		r.accept(port(fmt.Sprintf("p%d", i)), true)
	}
	r.seen.Revision = int64(n)
	return r
}

// goneFrom deletes intents and returns why the replica would be held.
func (r *region) goneFrom(p *Protection, from, to int, now time.Time) string {
	var batch etcdschema.Batch
	for i := from; i < to; i++ {
		k := etcdschema.Intent(port(fmt.Sprintf("p%d", i)))
		batch.Events = append(batch.Events, etcdschema.Event{Item: etcdschema.Item{Key: k}, Deleted: true})
	}
	why := p.BeforeApply(batch, nil, now)
	for i := from; i < to; i++ {
		r.declare(port(fmt.Sprintf("p%d", i)), false)
	}
	r.seen.Revision += int64(to - from)
	return why
}

// One accept is enough, whichever replica reads it and whoever is the leader then. It permits nothing that is deleted later.
func TestAnAcceptIsCarriedOutByWhoeverLeads(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	r := manyAccepted(100)
	p := r.replica()
	if why := r.goneFrom(p, 0, 50, now); why == "" {
		t.Fatal("half of all went")
	}
	on := &etcdschema.Hold{Reason: "they went", Revision: r.seen.Revision, Restored: true}
	p.learn(&etcdschema.ControlStatus{Held: on})
	r.seen.Revision++
	r.mods[AcceptOrder()] = r.seen.Revision
	if !p.Accept() || p.held != nil || p.Accept() {
		t.Errorf("the order is heard once, and ends the hold: %+v", p.held)
	}
	if why, _ := p.TakeOver(); why != "" {
		t.Errorf("who takes over after the accept: %s", why)
	}
	// A replica that starts now finds the order and the status.
	fresh := r.replica()
	fresh.learn(&etcdschema.ControlStatus{AcceptedRevision: p.revision, Accepting: p.accepting})
	if !fresh.Accept() || !fresh.accepting.Restored {
		t.Errorf("a new replica does not go on with the accept: %+v", fresh.accepting)
	}
	if why, _ := fresh.TakeOver(); why != "" {
		t.Errorf("a new replica that leads: %s", why)
	}
	// Older versions carry an order out and leave its key. Such an order permits nothing.
	older := r.replica()
	older.learn(&etcdschema.ControlStatus{AcceptedRevision: p.revision})
	if older.Accept() {
		t.Error("an order of long ago permits what goes today")
	}
	if why := r.goneFrom(p, 50, 80, now); why == "" {
		t.Error("what goes after the accept is no mistake any more")
	}
	if done := p.CarriedOut(false, now); len(done) != 0 {
		t.Errorf("objects are still there, and carried out is %v", done)
	}
	for i := range 50 {
		r.accept(port(fmt.Sprintf("p%d", i)), false)
	}
	if done := p.CarriedOut(true, now); len(done) != 0 {
		t.Errorf("claims are to be rebuilt, and carried out is %v", done)
	}
	if done := p.CarriedOut(false, now); len(done) != 1 || done[0] != AcceptOrder() {
		t.Errorf("all are gone, and carried out is %v", done)
	}
}

// Objects that a deletion order names are deleted without a hold, before and after a change of leader. Others are not.
func TestADeletionOrderPermitsWhatItNames(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	r := manyAccepted(100)
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
	p, next := r.replica(), r.replica()
	p.readDeletions(order, now)
	if why := r.goneFrom(p, 0, 50, now); why != "" {
		t.Errorf("named, and %s", why)
	}
	next.readDeletions(order, now)
	if why, _ := next.TakeOver(); why != "" {
		t.Errorf("the next leader: %s", why)
	}
	if why := r.goneFrom(p, 50, 75, now); why == "" {
		t.Error("others went with them")
	}
	for i := range 50 {
		r.accept(port(fmt.Sprintf("p%d", i)), false)
	}
	if done := p.CarriedOut(false, now); len(done) != 0 {
		t.Error("p99 is not deleted yet")
	}
	if done := p.CarriedOut(false, now.Add(deletionPatience+1)); len(done) != 1 || done[0] != k || p.permitted(port("p99")) {
		t.Errorf("nobody has deleted p99 for long: %v", done)
	}
	gone := etcdschema.Batch{Events: []etcdschema.Event{{Item: etcdschema.Item{Key: k}, Deleted: true}}}
	next.readDeletions(gone, now)
	if next.permitted(port("p99")) {
		t.Error("the order is gone and permits")
	}
}
