package etcdschema

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"weft/etcdschema/etcdserver"
)

// fenced says whether a write that is fenced by the leadership succeeds.
func fenced(t *testing.T, c *Client, l *Leadership) bool {
	t.Helper()
	tx := NewTxn()
	tx.Fence(l)
	tx.Put(ParseKey("event/written"), []byte("x"))
	_, ok, err := c.Commit(testContext(t), tx)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// campaign runs a campaign and resigns in the end.
func campaign(t *testing.T, ctx context.Context, c *Client, ttl time.Duration) <-chan *Leadership {
	t.Helper()
	won := make(chan *Leadership, 1)
	go func() {
		l, err := c.Campaign(ctx, "leader", "candidate", ttl)
		if err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		won <- l
	}()
	return won
}

func candidates(t *testing.T, c *Client) int {
	t.Helper()
	items, _, err := c.List(testContext(t), Election("leader"))
	if err != nil {
		t.Fatal(err)
	}
	return len(items)
}

func TestLeadershipPassesOnResign(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	c := openTest(t, startTest(t, etcdserver.Config{}))
	first := <-campaign(t, ctx, c, time.Minute)
	second := campaign(t, ctx, c, time.Minute)
	if !fenced(t, c, first) {
		t.Error("the leader cannot write")
	}
	if err := first.Resign(ctx); err != nil { // the TTL is a minute: only the resignation can end the leadership in time
		t.Fatal(err)
	}
	<-first.Done()
	l := <-second
	if fenced(t, c, first) || !fenced(t, c, l) || l.Revision() <= first.Revision() {
		t.Error("the fence does not tell the leaders apart")
	}
	if err := l.Resign(ctx); err != nil {
		t.Fatal(err)
	}
	if n := candidates(t, c); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}

func TestLeadershipEndsWithoutEtcd(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	e := startTest(t, etcdserver.Config{})
	p, direct := startProxy(t, e), openTest(t, e)
	first := <-campaign(t, ctx, p.open(t), time.Second)
	second := campaign(t, ctx, direct, time.Minute)
	p.cut()
	<-first.Done()
	l := <-second
	if fenced(t, direct, first) || !fenced(t, direct, l) {
		t.Error("the fence does not tell the leaders apart")
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if err := first.Resign(short); err == nil {
		t.Error("resigned without an etcd")
	}
	if err := l.Resign(ctx); err != nil {
		t.Error(err)
	}
}

func TestCampaignGivenUpLeavesNoKey(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	c := openTest(t, startTest(t, etcdserver.Config{}))
	leader := <-campaign(t, ctx, c, time.Minute)
	cctx, cancel := context.WithCancel(ctx)
	o := observe(t, c, FollowerConfig{Prefixes: []Prefix{Election("leader")}})
	waiting := campaign(t, cctx, c, time.Minute)
	for len(o.state) != 2 {
		o.next(t)
	}
	cancel()
	if l := <-waiting; l != nil {
		t.Error("elected after giving up")
	}
	for len(o.state) != 1 {
		o.next(t)
	}
	if err := leader.Resign(ctx); err != nil {
		t.Error(err)
	}
}

func TestCampaignWaitsForEtcdAndForItsOwnSession(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	e := startTest(t, etcdserver.Config{})
	p, direct := startProxy(t, e), openTest(t, e)
	p.cut()
	won := campaign(t, ctx, p.open(t), time.Minute)
	o := observe(t, direct, FollowerConfig{Prefixes: []Prefix{Election("leader")}})
	o.next(t)
	leader := <-campaign(t, ctx, direct, time.Minute)
	p.turn(t, e)
	for len(o.state) != 2 {
		o.next(t)
	}
	// The waiting candidate's lease ends without its knowledge. It must campaign anew, and must not win with a key that is gone.
	items, _, err := direct.List(ctx, Election("leader"))
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range items {
		if it.Key == leader.Key() {
			continue
		}
		if _, err := direct.Etcd().Revoke(ctx, clientv3.LeaseID(it.Lease)); err != nil {
			t.Fatal(err)
		}
	}
	if err := leader.Resign(ctx); err != nil {
		t.Fatal(err)
	}
	l := <-won
	if !fenced(t, direct, l) {
		t.Error("elected with a key that is gone")
	}
	if err := l.Resign(ctx); err != nil {
		t.Error(err)
	}
}

func TestCampaignEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c, err := Open(ctx, Config{Endpoints: []string{"http://127.0.0.1:1"}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel()
	if _, err := c.Campaign(ctx, "leader", "a", time.Second); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestKeepLiveMakesItsKeyAgain(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	e := startTest(t, etcdserver.Config{})
	direct, p := openTest(t, e), startProxy(t, e)
	done := make(chan error)
	p.cut()
	client := p.open(t)
	go func() { done <- client.KeepLive(ctx, "h1", 2*time.Second, "x") }()
	o := observe(t, direct, FollowerConfig{Prefixes: []Prefix{LivePrefix()}})
	o.next(t)
	p.turn(t, e)
	for _, damage := range []func(Item) error{
		func(it Item) error { _, err := direct.Etcd().Revoke(ctx, clientv3.LeaseID(it.Lease)); return err },
		func(it Item) error { _, err := direct.Etcd().Delete(ctx, direct.FullKey(it.Key)); return err },
	} {
		for len(o.state) == 0 {
			o.next(t)
		}
		item, ok, err := direct.Get(ctx, Live("h1"))
		if err != nil || !ok || item.Lease == 0 {
			t.Fatalf("%+v %v %v", item, ok, err)
		}
		if err := damage(item); err != nil {
			t.Fatal(err)
		}
		for len(o.state) != 0 {
			o.next(t)
		}
	}
	for len(o.state) == 0 {
		o.next(t)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, ok, err := direct.Get(testContext(t), Live("h1")); !ok || err != nil {
		t.Errorf("a node that stops is seen gone at once: %v %v", ok, err)
	}
}
