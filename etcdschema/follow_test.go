package etcdschema

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/etcdschema/etcdserver"
)

func TestFollowTellsSnapshotThenEvents(t *testing.T) {
	t.Parallel()
	c := openTest(t, startTest(t, etcdserver.Config{}))
	put(t, c, "claim/a", "0")
	put(t, c, "intent/a", "1")
	put(t, c, "status/a", "not followed")
	o := observe(t, c, FollowerConfig{Prefixes: []Prefix{IntentPrefix(), ClaimPrefix()}})
	if b := o.next(t); !b.Snapshot || b.WentBack || len(b.Events) != 2 || b.ClusterID == 0 {
		t.Errorf("snapshot: %+v", b)
	}
	rev := commit(t, c, func(tx *Txn) {
		tx.Delete(ParseKey("claim/a"))
		tx.Put(ParseKey("intent/a"), []byte("2"))
	})
	bs := o.until(t, rev)
	b := bs[len(bs)-1]
	if len(b.Events) != 2 || b.Snapshot || !b.Events[0].Deleted || string(b.Events[1].Value) != "2" || b.Events[1].Version != 2 {
		t.Errorf("events: %+v", b)
	}
}

func TestFollowTellsWholeRevisionsOfSeveralPrefixes(t *testing.T) {
	t.Parallel()
	c := openTest(t, startTest(t, etcdserver.Config{}))
	o := observe(t, c, FollowerConfig{Prefixes: []Prefix{IntentPrefix(), AcceptedPrefix(), ClaimPrefix()},
		ProgressInterval: time.Hour}) // events that wait for another prefix must not wait for this
	o.next(t)
	o.until(t, put(t, c, "intent/alone", "the other prefixes are silent"))
	const n = 200
	last := make(chan int64, 1)
	go func() {
		var rev int64
		for i := range n {
			rev = commit(t, c, func(tx *Txn) {
				for _, area := range []string{"intent", "accepted", "claim"} {
					tx.Put(ParseKey(fmt.Sprintf("%s/%d", area, i%7)), []byte("x"))
				}
			})
		}
		last <- rev
	}()
	perRevision := map[int64]int{}
	total := 0
	for total < 3*n {
		b := o.next(t)
		clear(perRevision)
		for _, e := range b.Events {
			perRevision[e.ModRevision]++
			total++
		}
		for rev, k := range perRevision {
			if k != 3 || rev > b.Revision {
				t.Errorf("batch up to %d has %d events of revision %d", b.Revision, k, rev)
			}
		}
	}
	if rev := <-last; o.seen.Revision < rev {
		t.Errorf("all events told, revision is %d, want %d", o.seen.Revision, rev)
	}
}

func TestFollowAdvancesWhileIdle(t *testing.T) {
	t.Parallel()
	c := openTest(t, startTest(t, etcdserver.Config{}))
	o := observe(t, c, FollowerConfig{Prefixes: []Prefix{NodeDesired("h1")}})
	o.next(t)
	before := o.follower.LastContact()
	ctx := testContext(t)
	for !o.follower.LastContact().After(before) { // nothing changes in etcd
		select {
		case <-ctx.Done():
			t.Fatal("a quiet etcd looks like an absent one")
		case <-time.After(5 * time.Millisecond):
		}
	}
	before = o.follower.LastContact()
	rev := put(t, c, "desired/h10/port/u1", "a neighbour by prefix")
	for _, b := range o.until(t, rev) {
		if len(b.Events) != 0 {
			t.Errorf("events of another node: %+v", b)
		}
	}
	if now := o.follower.LastContact(); !now.After(before) || before.IsZero() {
		t.Errorf("last contact %v, was %v", now, before)
	}
}

func TestFollowGoesOnAfterALostConnection(t *testing.T) {
	t.Parallel()
	for _, last := range []string{"put", "delete"} {
		t.Run("after a "+last, func(t *testing.T) {
			t.Parallel()
			e := startTest(t, etcdserver.Config{})
			direct, p := openTest(t, e), startProxy(t, e)
			put(t, direct, "intent/a", "1")
			o := observe(t, p.open(t), FollowerConfig{Prefixes: []Prefix{IntentPrefix()}})
			o.next(t)
			rev := put(t, direct, "intent/b", "1")
			if last == "delete" {
				rev = commit(t, direct, func(tx *Txn) { tx.Delete(ParseKey("intent/b")) })
			}
			o.until(t, rev)
			p.cut()
			put(t, direct, "intent/a", "2")
			rev = put(t, direct, "intent/b", "2")
			p.turn(t, e)
			for _, b := range o.until(t, rev) {
				if b.Snapshot || b.WentBack {
					t.Errorf("the same etcd was listed again: %+v", b)
				}
			}
			if diff := cmp.Diff(map[string]string{"intent/a": "2", "intent/b": "2"}, o.state); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFollowKnowsAnIdleKeyInACompactedHistory(t *testing.T) {
	t.Parallel()
	e := startTest(t, etcdserver.Config{})
	direct, p := openTest(t, e), startProxy(t, e)
	put(t, direct, "intent/a", "1")
	o := observe(t, p.open(t), FollowerConfig{Prefixes: []Prefix{IntentPrefix()}})
	o.next(t)
	rev := put(t, direct, "status/a", "1")
	o.until(t, rev)
	if _, err := direct.Etcd().Compact(testContext(t), rev); err != nil {
		t.Fatal(err)
	}
	p.cut()
	rev = put(t, direct, "status/a", "2")
	p.turn(t, e)
	for _, b := range o.until(t, rev) {
		if b.Snapshot || b.WentBack || len(b.Events) != 0 {
			t.Errorf("%+v", b)
		}
	}
}

func TestFollowSurvivesARestartOfEtcd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := etcdserver.Start(testContext(t), etcdserver.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c := openTest(t, first)
	put(t, c, "intent/a", "1")
	o := observe(t, c, FollowerConfig{Prefixes: []Prefix{IntentPrefix(), ClaimPrefix()}})
	o.next(t)
	first.Close()
	startTest(t, etcdserver.Config{Dir: dir, ClientURL: first.Endpoints()[0]})
	rev := commit(t, c, func(tx *Txn) { tx.Delete(ParseKey("intent/a")); tx.Put(ParseKey("claim/a"), []byte("1")) })
	for _, b := range o.until(t, rev) {
		if b.Snapshot || b.WentBack {
			t.Errorf("%+v", b)
		}
	}
	if diff := cmp.Diff(map[string]string{"claim/a": "1"}, o.state); diff != "" {
		t.Error(diff)
	}
}

func TestFollowMakesUpForCompactionWithDeletes(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	e := startTest(t, etcdserver.Config{})
	direct, p := openTest(t, e), startProxy(t, e)
	put(t, direct, "intent/gone", "1")
	put(t, direct, "intent/kept", "1")
	put(t, direct, "intent/changed", "1")
	o := observe(t, p.open(t), FollowerConfig{Prefixes: []Prefix{IntentPrefix()}})
	o.next(t)
	p.cut()
	commit(t, direct, func(tx *Txn) { tx.Delete(ParseKey("intent/gone")) })
	put(t, direct, "intent/changed", "2")
	rev := put(t, direct, "intent/new", "1")
	if _, err := direct.Etcd().Compact(ctx, rev); err != nil {
		t.Fatal(err)
	}
	p.turn(t, e)
	b := o.next(t)
	if !b.Snapshot || b.WentBack || len(b.Events) != 3 || b.Revision != rev {
		t.Errorf("%+v", b)
	}
	if diff := cmp.Diff(map[string]string{"intent/kept": "1", "intent/changed": "2", "intent/new": "1"}, o.state); diff != "" {
		t.Error(diff)
	}
}

func TestFollowKeepsRevisionsWholeWhenCatchingUp(t *testing.T) {
	t.Parallel()
	e := startTest(t, etcdserver.Config{})
	direct, p := openTest(t, e), startProxy(t, e)
	put(t, direct, "intent/0", "1")
	o := observe(t, p.open(t), FollowerConfig{Prefixes: []Prefix{IntentPrefix()}})
	o.next(t)
	p.cut()
	big := strings.Repeat("x", 400<<10) // ten revisions of 800 KiB: far beyond one answer of etcd
	var rev int64
	for i := range 10 {
		rev = commit(t, direct, func(tx *Txn) {
			tx.Put(ParseKey(fmt.Sprintf("intent/%d", i)), []byte(big))
			tx.Put(ParseKey("intent/last"), []byte(big))
		})
	}
	p.turn(t, e)
	events := 0
	for _, b := range o.until(t, rev) {
		count := map[int64]int{}
		for _, ev := range b.Events {
			count[ev.ModRevision]++
			events++
		}
		for r, n := range count {
			if n != 2 {
				t.Errorf("%d events of revision %d in one batch, want 2", n, r)
			}
		}
	}
	if events != 20 || o.state["intent/last"] != big {
		t.Errorf("%d events, want 20", events)
	}
}

func TestFollowNoticesARestoredEtcd(t *testing.T) {
	t.Parallel()
	dir, backup := t.TempDir(), t.TempDir()
	first, err := etcdserver.Start(testContext(t), etcdserver.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	put(t, openTest(t, first), "intent/a", "1")
	first.Close()
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	e := startTest(t, etcdserver.Config{Dir: dir})
	direct, p := openTest(t, e), startProxy(t, e)
	o := observe(t, p.open(t), FollowerConfig{Prefixes: []Prefix{IntentPrefix()}})
	o.next(t)
	put(t, direct, "intent/b", "lost by the restore")
	o.until(t, put(t, direct, "intent/same", "before"))
	p.cut()

	restored := startTest(t, etcdserver.Config{Dir: backup})
	other := openTest(t, restored)
	put(t, other, "intent/c", "1") // has the revision that intent/b had in the lost history
	put(t, other, "intent/same", "after")
	rev := put(t, other, "intent/a", "2")
	p.turn(t, restored)
	bs := o.until(t, rev)
	if b := bs[0]; !b.WentBack || !b.Snapshot {
		t.Errorf("etcd's history was exchanged unnoticed: %+v", b)
	}
	if diff := cmp.Diff(map[string]string{"intent/a": "2", "intent/c": "1", "intent/same": "after"}, o.state); diff != "" {
		t.Error(diff)
	}
}

// A restored etcd to which nobody writes sends no answer to a watch from a revision that it has not reached.
func TestFollowNoticesARestoredEtcdThatIsQuiet(t *testing.T) {
	t.Parallel()
	dir, backup := t.TempDir(), t.TempDir()
	first, err := etcdserver.Start(testContext(t), etcdserver.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	rev := put(t, openTest(t, first), "intent/a", "1")
	first.Close()
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	e := startTest(t, etcdserver.Config{Dir: dir})
	direct, p := openTest(t, e), startProxy(t, e)
	o := observe(t, p.open(t), FollowerConfig{Prefixes: []Prefix{IntentPrefix()}, ProgressInterval: time.Hour})
	o.next(t)
	o.until(t, put(t, direct, "intent/b", "lost by the restore"))
	p.cut()
	p.turn(t, startTest(t, etcdserver.Config{Dir: backup}))
	if b := o.next(t); !b.WentBack || !b.Snapshot || b.Revision != rev {
		t.Errorf("%+v, want the etcd of revision %d", b, rev)
	}
	if diff := cmp.Diff(map[string]string{"intent/a": "1"}, o.state); diff != "" {
		t.Error(diff)
	}
}

func TestFollowComparesWithWhatWasRemembered(t *testing.T) {
	t.Parallel()
	c := openTest(t, startTest(t, etcdserver.Config{}))
	rev := put(t, c, "intent/a", "1")
	first := observe(t, c, FollowerConfig{Prefixes: []Prefix{IntentPrefix()}}).next(t)
	for _, tc := range []struct {
		name string
		seen Seen
		want bool
	}{
		{"nothing", Seen{}, false},
		{"the same", Seen{first.ClusterID, rev}, false},
		{"older", Seen{first.ClusterID, rev - 1}, false},
		{"a later revision", Seen{first.ClusterID, rev + 1}, true},
		{"another cluster", Seen{first.ClusterID + 1, 1}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := observe(t, c, FollowerConfig{Prefixes: []Prefix{IntentPrefix()}, Seen: tc.seen}).next(t)
			if b.WentBack != tc.want || !b.Snapshot || len(b.Events) != 1 {
				t.Errorf("%+v, want WentBack %v", b, tc.want)
			}
		})
	}
}

func TestFollowWaitsForAnAbsentEtcd(t *testing.T) {
	t.Parallel()
	e := startTest(t, etcdserver.Config{})
	p := startProxy(t, e)
	p.cut()
	o := observe(t, p.open(t), FollowerConfig{Prefixes: []Prefix{IntentPrefix()}})
	if !o.follower.LastContact().IsZero() {
		t.Error("contact with an etcd that cannot be reached")
	}
	p.turn(t, e)
	if b := o.next(t); !b.Snapshot {
		t.Errorf("%+v", b)
	}
}

func TestFollowReturnsItsOwnersError(t *testing.T) {
	t.Parallel()
	c := openTest(t, startTest(t, etcdserver.Config{}))
	mine := errors.New("mine")
	err := c.Follow(testContext(t), []Prefix{IntentPrefix()}, func(Batch) error { return mine })
	if err != mine {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := c.Follow(ctx, nil, nil); err == nil {
		t.Error("following nothing was accepted")
	}
}
