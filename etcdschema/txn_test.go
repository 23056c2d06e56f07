package etcdschema

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weft/etcdschema/etcdserver"
)

func TestTxnHappensWhollyOrNotAtAll(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	c := openTest(t, startTest(t, etcdserver.Config{}))
	a, b := ParseKey("claim/a"), ParseKey("claim/b")
	rev := commit(t, c, func(tx *Txn) { tx.Create(a, Claim{Owner: "u1"}) })
	for _, tc := range []struct {
		name  string
		build func(*Txn)
		want  bool
	}{
		{"create what exists", func(tx *Txn) { tx.Create(a, Claim{}) }, false},
		{"create both", func(tx *Txn) { tx.Create(b, Claim{}); tx.Create(a, Claim{}) }, false},
		{"put at another revision", func(tx *Txn) { tx.PutIf(a, rev+1, Claim{}) }, false},
		{"put what is absent", func(tx *Txn) { tx.PutIf(a, 0, Claim{}) }, false},
		{"delete at another revision", func(tx *Txn) { tx.DeleteIf(a, rev-1) }, false},
		{"require what is absent", func(tx *Txn) { tx.Require(b, rev); tx.Put(a, Claim{}) }, false},
		{"put at its revision", func(tx *Txn) { tx.PutIf(a, rev, Claim{Owner: "u2"}); tx.PutIf(b, 0, Claim{}) }, true},
		{"delete", func(tx *Txn) { tx.Delete(a); tx.Delete(ParseKey("claim/none")) }, true},
	} {
		tx := NewTxn()
		tc.build(tx)
		before := dump(t, c)
		_, ok, err := c.Commit(ctx, tx)
		if err != nil || ok != tc.want {
			t.Errorf("%s: %v %v, want %v", tc.name, ok, err, tc.want)
		}
		if after := dump(t, c); !ok && after != before {
			t.Errorf("%s: refused, but %v became %v", tc.name, before, after)
		}
	}
	if _, ok, err := c.Get(ctx, a); ok || err != nil {
		t.Errorf("deleted: %v %v", ok, err)
	}
	item, ok, err := c.Get(ctx, b)
	if err != nil || !ok || item.Key != b || item.Version != 1 || item.CreateRevision != item.ModRevision {
		t.Errorf("%+v %v %v", item, ok, err)
	}
}

func TestTxnLeaseTakesKeysAway(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	c := openTest(t, startTest(t, etcdserver.Config{}))
	lease, err := c.Grant(ctx, 500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	o := observe(t, c, FollowerConfig{Prefixes: []Prefix{ClaimPrefix()}})
	o.next(t)
	rev := commit(t, c, func(tx *Txn) {
		tx.CreateLeased(ParseKey("claim/a"), Claim{}, lease)
		tx.PutIfLeased(ParseKey("claim/b"), 0, Claim{}, lease)
		tx.PutLeased(ParseKey("claim/c"), Claim{}, lease)
	})
	commit(t, c, func(tx *Txn) { tx.PutIfLeased(ParseKey("claim/c"), rev, Claim{}, 0) })
	for len(o.state) != 1 || o.seen.Revision < rev+2 {
		o.next(t)
	}
	if _, ok := o.state["claim/c"]; !ok {
		t.Errorf("%v", o.state)
	}
}

func TestTxnNamesTheRuleThatWasBroken(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	c := openTest(t, startTest(t, etcdserver.Config{}))
	small := openTest(t, startTest(t, etcdserver.Config{MaxTxnOps: 10, MaxRequestBytes: 1 << 16}))
	many := func(tx *Txn) {
		for i := range MaxTxnOps + 1 {
			tx.Put(ParseKey(fmt.Sprint("claim/", i)), Claim{})
		}
	}
	key := ParseKey("claim/a")
	for _, tc := range []struct {
		name  string
		c     *Client
		build func(*Txn)
		want  string
	}{
		{"too many operations", c, many, "101 operations"},
		{"too many bytes", c, func(tx *Txn) { tx.Put(key, []byte(strings.Repeat("x", MaxTxnBytes))) }, "bytes"},
		{"twice", c, func(tx *Txn) { tx.Put(key, Claim{}); tx.Delete(key) }, "claim/a: written twice"},
		{"zero key", c, func(tx *Txn) { tx.Put(Key{}, Claim{}) }, "zero Key"},
		{"zero compare", c, func(tx *Txn) { tx.Require(Key{}, 1) }, "zero Key"},
		{"value", c, func(tx *Txn) { tx.Put(key, func() {}) }, "claim/a: encode func()"},
		{"server's operations", small, func(tx *Txn) {
			for i := range 11 {
				tx.Put(ParseKey(fmt.Sprint("claim/", i)), Claim{})
			}
		}, "--max-txn-ops"},
		{"server's bytes", small, func(tx *Txn) { tx.Put(key, []byte(strings.Repeat("x", 1<<17))) }, "--max-request-bytes"},
		{"ended lease", c, func(tx *Txn) { tx.PutLeased(key, Claim{}, 12345) }, "lease has ended"},
	} {
		tx := NewTxn()
		tc.build(tx)
		_, ok, err := tc.c.Commit(ctx, tx)
		if err == nil || ok || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v %v, want %q", tc.name, ok, err, tc.want)
		}
	}
}

func TestTxnCutByFitsAlwaysCommits(t *testing.T) {
	t.Parallel()
	c := openTest(t, startTest(t, etcdserver.Config{}))
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(0, MaxTxnBytes/3), 1, 40).Draw(t, "sizes")
		wide := rapid.IntRange(1, 30).Draw(t, "writes of one change")
		tx := NewTxn()
		flush := func() {
			if _, ok, err := c.Commit(t.Context(), tx); err != nil || !ok {
				t.Fatalf("%d operations, %d bytes: %v %v", tx.Len(), tx.Bytes(), ok, err)
			}
			tx = NewTxn()
		}
		for i, size := range sizes {
			change := NewTxn()
			for j := range wide {
				change.Put(ParseKey(fmt.Sprintf("event/%d/%d", i, j)), []byte(strings.Repeat("x", size/wide)))
			}
			change.Require(ParseKey("claim/none"), 0)
			if !tx.Fits(change) {
				flush()
			}
			tx.Merge(change)
		}
		flush()
	})
}

func TestListReadsPagesAtOneRevision(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	c := openTest(t, startTest(t, etcdserver.Config{}))
	const n = 2*pageFirst + 10
	for i := 0; i < n; i += MaxTxnOps {
		commit(t, c, func(tx *Txn) {
			for j := i; j < min(n, i+MaxTxnOps); j++ {
				tx.Put(ParseKey(fmt.Sprintf("claim/%05d", j)), []byte("x"))
			}
		})
	}
	both := func(tx *Txn) { // the first and the last key always change together
		v := []byte(fmt.Sprint(time.Now().UnixNano()))
		tx.Put(ParseKey("claim/00000"), v)
		tx.Put(ParseKey(fmt.Sprintf("claim/%05d", n-1)), v)
	}
	commit(t, c, both)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			commit(t, c, both)
		}
	}()
	for range 10 {
		items, rev, err := c.List(ctx, ClaimPrefix())
		if err != nil || len(items) != n {
			t.Fatalf("%d items, want %d: %v", len(items), n, err)
		}
		first, last := items[0], items[n-1]
		if string(first.Value) != string(last.Value) || first.ModRevision != last.ModRevision || first.ModRevision > rev {
			t.Errorf("pages of several revisions: %v %v at %d", first, last, rev)
		}
	}
	close(stop)
	<-stopped
}

func TestListAsksForSmallerPagesOfLargeValues(t *testing.T) {
	t.Parallel()
	e := startTest(t, etcdserver.Config{})
	c, err := Open(t.Context(), Config{Endpoints: e.Endpoints(), receiveBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range 20 {
		put(t, c, fmt.Sprintf("claim/%02d", i), strings.Repeat("x", 200<<10))
	}
	items, _, err := c.List(testContext(t), ClaimPrefix())
	if err != nil || len(items) != 20 || items[19].Key != ParseKey("claim/19") {
		t.Errorf("%d items: %v", len(items), err)
	}
}

func TestDeadlineEndsRequests(t *testing.T) {
	t.Parallel()
	e := startTest(t, etcdserver.Config{})
	p := startProxy(t, e)
	c := p.open(t)
	p.cut()
	if _, _, err := c.Get(t.Context(), Live("h1")); err == nil || !strings.Contains(err.Error(), "check that it runs") {
		t.Errorf("an absent etcd: %v", err)
	}
}
