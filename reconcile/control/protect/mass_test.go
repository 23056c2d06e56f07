package protect

import (
	"fmt"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
)

func TestWhatGoesWithinAMinuteCountsTogether(t *testing.T) {
	t.Parallel()
	r := newRegion()
	p := r.replica()
	now := time.Unix(1000, 0)
	for i := range 400 {
		r.accept(port(fmt.Sprintf("p%d", i)), true)
	}
	gone := func(from, to int) string {
		var b etcdschema.Batch
		for i := from; i < to; i++ {
			b.Events = append(b.Events, etcdschema.Event{Item: etcdschema.Item{Key: etcdschema.Intent(port(fmt.Sprintf("p%d", i)))}, Deleted: true})
		}
		return p.BeforeApply(b, nil, now)
	}
	if why := gone(0, 40); why != "" {
		t.Errorf("a tenth: %s", why)
	}
	now = now.Add(59 * time.Second)
	if why := gone(40, 41); why == "" {
		t.Error("more than a tenth within a minute passed")
	}
	now = now.Add(2 * time.Second)
	if why := gone(41, 80); why != "" {
		t.Errorf("the first forty are older than a minute: %s", why)
	}
	back := etcdschema.Batch{Events: []etcdschema.Event{{Item: etcdschema.Item{Key: etcdschema.Intent(port("p41"))}}}}
	if why := p.BeforeApply(back, nil, now); why != "" || len(p.gone.at) != 39 {
		t.Errorf("one came back: %q, %d are counted as gone", why, len(p.gone.at))
	}
}

func TestWhatComesAndGoesWithinAMinuteIsNoMassDeletion(t *testing.T) {
	t.Parallel()
	r := newRegion()
	p := r.replica()
	now := time.Unix(1000, 0)
	see := func(ids []model.ID, deleted bool) string {
		var b etcdschema.Batch
		for _, id := range ids {
			b.Events = append(b.Events, etcdschema.Event{Item: etcdschema.Item{Key: etcdschema.Intent(id)}, Deleted: deleted})
		}
		why := p.BeforeApply(b, nil, now)
		for _, id := range ids { // the transaction that follows accepts or removes them
			r.accept(id, !deleted)
		}
		return why
	}
	var together []model.ID
	for i := range 3 * floor {
		id := []model.ID{port(fmt.Sprintf("p%d", i))}
		together = append(together, id...)
		if why := see(id, false) + see(id, true); why != "" {
			t.Fatalf("short-lived port %d: %s", i, why)
		}
		now = now.Add(100 * time.Millisecond)
	}
	if why := see(together, false); why != "" {
		t.Fatalf("declaring many: %s", why)
	}
	if why := see(together, true); why == "" {
		t.Error("all of them went at once, however young, and nothing stopped it")
	}
}

// At the start of a leadership, guests in the node configs count whose accepted record is gone too.
func TestATakeOverCountsGuestsThatNobodyKnows(t *testing.T) {
	t.Parallel()
	r := newRegion()
	p := r.replica()
	r.guests = floor
	if why, _ := p.TakeOver(); why != "" {
		t.Errorf("no more than always: %s", why)
	}
	r.guests++
	if why, restored := p.TakeOver(); why == "" || restored {
		t.Errorf("%d guests have no object: %q, restored %v", r.guests, why, restored)
	}
	r.mods[AcceptOrder()] = 1
	if !p.Accept() {
		t.Fatal("the accept was not heard")
	}
	if why, _ := p.TakeOver(); why != "" {
		t.Errorf("they are being removed: %s", why)
	}
}

// A reason is kept until people accept it. That etcd went back is added to it.
func TestAHoldLastsUntilTheAccept(t *testing.T) {
	t.Parallel()
	r := newRegion()
	r.seen.Revision = 7
	p := r.replica()
	now := time.Unix(1000, 0)
	if p.Hold("", true, now) || p.Held() != nil {
		t.Fatal("there is no reason")
	}
	if !p.Hold("they went", false, now) || p.Hold("others went", false, now.Add(time.Hour)) {
		t.Error("the first reason begins the hold, and no other one")
	}
	first := p.Held()
	p.Hold("etcd went back", true, now)
	want := etcdschema.Hold{Reason: "they went", Since: now.UTC(), Revision: 7}
	if *first != want {
		t.Errorf("what others may still read has changed: %+v", first)
	}
	if want.Restored = true; *p.Held() != want {
		t.Errorf("held: %+v", p.Held())
	}
	r.mods[AcceptOrder()] = 7
	if p.Accept() {
		t.Error("an accept from before the hold")
	}
	r.mods[AcceptOrder()] = 8
	if !p.Accept() || p.Held() != nil || !p.Rebuilding() {
		t.Errorf("accepted, held: %+v, rebuilding: %v", p.Held(), p.Rebuilding())
	}
}
