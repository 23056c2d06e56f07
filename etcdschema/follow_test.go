package etcdschema

import (
	"context"
	"testing"
	"time"
)

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func startTest(t *testing.T, c EmbeddedConfig) *Embedded {
	t.Helper()
	c.Dir = t.TempDir()
	e, err := StartEmbedded(testContext(t), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func openTest(t *testing.T, e *Embedded) *Client {
	t.Helper()
	c, err := Open(t.Context(), Config{Endpoints: e.Endpoints()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestFollowTellsSnapshotThenEvents(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	c := openTest(t, startTest(t, EmbeddedConfig{}))
	tx := NewTxn()
	tx.Create(ParseKey("claim/a"), Claim{Owner: "u1"})
	tx.Create(ParseKey("intent/a"), []byte("1"))
	if _, ok, err := c.Commit(ctx, tx); err != nil || !ok {
		t.Fatal(ok, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var got []Batch
	err := c.Follow(ctx, []Prefix{IntentPrefix(), ClaimPrefix()}, func(b Batch) error {
		got = append(got, b)
		switch {
		case b.Snapshot:
			tx := NewTxn()
			tx.Delete(ParseKey("claim/a"))
			tx.Put(ParseKey("intent/a"), []byte("2"))
			if _, ok, err := c.Commit(ctx, tx); err != nil || !ok {
				t.Error(ok, err)
			}
		case len(b.Events) > 0:
			cancel()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got[0].Events) != 2 || !got[0].Snapshot || got[0].WentBack {
		t.Errorf("snapshot: %+v", got[0])
	}
	last := got[len(got)-1]
	if len(last.Events) != 2 || !last.Events[0].Deleted || string(last.Events[1].Value) != "2" || last.Revision != got[0].Revision+1 {
		t.Errorf("events: %+v", last)
	}
}

func TestLeadershipPassesOnResign(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	c := openTest(t, startTest(t, EmbeddedConfig{}))
	first, err := c.Campaign(ctx, "leader", "a", 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan *Leadership, 1)
	go func() {
		l, err := c.Campaign(ctx, "leader", "a", 5*time.Second)
		if err != nil {
			t.Error(err)
		}
		second <- l
	}()
	if err := first.Resign(ctx); err != nil {
		t.Fatal(err)
	}
	<-first.Done()
	l := <-second
	if l == nil {
		t.FailNow()
	}
	for _, tc := range []struct {
		l    *Leadership
		want bool
	}{{first, false}, {l, true}} {
		tx := NewTxn()
		tx.Fence(tc.l)
		tx.Put(Live("h1"), []byte("x"))
		if _, ok, err := c.Commit(ctx, tx); err != nil || ok != tc.want {
			t.Errorf("fenced write: %v %v, want %v", ok, err, tc.want)
		}
	}
	if err := l.Resign(ctx); err != nil {
		t.Fatal(err)
	}
}
