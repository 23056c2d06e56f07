package etcdschema

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"

	"weft/etcdschema/etcdserver"
)

// cluster is an etcd of three members, each with a proxy before its client port.
type cluster struct {
	members []*etcdserver.Server
	paths   []*proxy
	stop    []func()
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	const size = 3
	urls := map[string]string{}
	for i := range size {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		urls[fmt.Sprint("m", i)] = "http://" + l.Addr().String()
		l.Close()
	}
	c := &cluster{members: make([]*etcdserver.Server, size)}
	errs := make([]error, size)
	var started sync.WaitGroup
	for i := range size {
		dir := t.TempDir()
		started.Go(func() {
			c.members[i], errs[i] = etcdserver.Start(testContext(t), etcdserver.Config{Dir: dir, Name: fmt.Sprint("m", i), Members: urls})
		})
	}
	started.Wait()
	for i, m := range c.members {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		c.stop = append(c.stop, sync.OnceFunc(m.Close))
		t.Cleanup(c.stop[i])
		c.paths = append(c.paths, startProxy(t, m))
	}
	return c
}

// open makes a client of all members that begins with the first.
func (c *cluster) open(t *testing.T) *Client { return open(t, c.paths) }

func open(t *testing.T, paths []*proxy) *Client {
	t.Helper()
	var endpoints []string
	for _, p := range paths {
		endpoints = append(endpoints, "http://"+p.listener.Addr().String())
	}
	client, err := Open(t.Context(), Config{Endpoints: endpoints, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	client.members.used = 0
	return client
}

// isolate cuts the first member off from its peers, or connects it again. Its client port stays open.
func (c *cluster) isolate(cut bool) {
	first := c.members[0].Etcd().Server
	for _, m := range c.members[1:] {
		for from, to := range map[interface {
			CutPeer(types.ID)
			MendPeer(types.ID)
		}]types.ID{first: m.Etcd().Server.MemberID(), m.Etcd().Server: first.MemberID()} {
			if cut {
				from.CutPeer(to)
			} else {
				from.MendPeer(to)
			}
		}
	}
}

// lead makes a member the leader, and waits until all know it.
func (c *cluster) lead(t *testing.T, i int) {
	t.Helper()
	ctx := testContext(t)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	wanted := c.members[i].Etcd().Server.MemberID()
	for ctx.Err() == nil {
		known := 0
		for _, m := range c.members {
			s := m.Etcd().Server
			if s.Leader() == wanted {
				known++
			} else if s.Leader() == s.MemberID() {
				try, cancel := context.WithTimeout(ctx, time.Second) // a member that has just come back may refuse it
				s.MoveLeader(try, uint64(s.MemberID()), uint64(wanted))
				cancel()
			}
		}
		if known == len(c.members) {
			return
		}
		<-look.C
	}
	t.Fatalf("member %d does not lead", i)
}

// fault is a failure of the first member, and its end.
type fault struct {
	name  string
	leads int // which member leads the cluster
	begin func(*cluster)
	end   func(*cluster)
}

func faults(t *testing.T) []fault {
	return []fault{
		{"a follower is cut off from its peers", 1, func(c *cluster) { c.isolate(true) }, func(c *cluster) { c.isolate(false) }},
		{"the leader is cut off from its peers", 0, func(c *cluster) { c.isolate(true) }, func(c *cluster) { c.isolate(false) }},
		{"nothing comes through", 1, func(c *cluster) { c.paths[0].freeze() }, func(c *cluster) { c.paths[0].flow() }},
		{"it is slow", 1, func(c *cluster) { c.paths[0].slow(3 * time.Second) }, func(c *cluster) { c.paths[0].flow() }},
		{"connections are refused", 1, func(c *cluster) { c.paths[0].cut() }, func(c *cluster) { c.paths[0].turn(t, c.members[0]) }},
		{"it is gone", 0, func(c *cluster) { c.stop[0]() }, func(c *cluster) {}},
	}
}

// Whatever fails in the member in use, another one answers. Requests, watches, liveness and leadership continue.
func TestAnotherMemberAnswers(t *testing.T) {
	t.Parallel()
	cl := startCluster(t)
	for _, f := range faults(t) {
		t.Run(f.name, func(t *testing.T) {
			cl.lead(t, f.leads)
			c := cl.open(t)
			ctx, cancel := context.WithCancel(testContext(t))
			o := observe(t, c, FollowerConfig{Prefixes: []Prefix{AllPrefix()}})
			lead := <-campaign(t, ctx, c, 5*time.Second)
			live := make(chan error)
			go func() { live <- c.KeepLive(ctx, "h1", 10*time.Second, "x") }()
			defer func() { cancel(); <-live; lead.Resign(t.Context()) }()
			o.until(t, put(t, c, "event/before", "x"))

			f.begin(cl)
			defer f.end(cl)
			for i := range 10 {
				k := ParseKey(fmt.Sprintf("event/%s/%d", f.name, i))
				tx := NewTxn()
				tx.Fence(lead)
				tx.Create(k, []byte("during"))
				if _, ok, err := c.Commit(t.Context(), tx); err != nil || !ok {
					t.Fatalf("write %d: %v %v", i, ok, err)
				}
				if it, ok, err := c.Get(t.Context(), k); err != nil || !ok || string(it.Value) != "during" {
					t.Fatalf("read %d: %v %v", i, ok, err)
				}
			}
			if _, err := c.Grant(t.Context(), time.Minute); err != nil {
				t.Fatal(err)
			}
			o.until(t, put(t, c, "event/during", "x"))
			if o.seen.WentBack || o.state["event/"+f.name+"/9"] != "during" {
				t.Errorf("the follower knows %v after %+v", o.state, o.seen)
			}
			select {
			case <-lead.Done():
				t.Error("the leadership was lost")
			default:
			}
			f.end(cl)
			o.until(t, put(t, c, "event/after", "x"))
		})
	}
}

// A follower notices without other requests that its watch receives nothing.
func TestAWatchGoesOnAtAnotherMember(t *testing.T) {
	t.Parallel()
	cl := startCluster(t)
	for _, f := range faults(t) {
		if f.name == "it is slow" {
			continue // it still reports changes, but later
		}
		t.Run(f.name, func(t *testing.T) {
			cl.lead(t, f.leads)
			c, others := cl.open(t), open(t, cl.paths[1:])
			o := observe(t, c, FollowerConfig{Prefixes: []Prefix{AllPrefix()}})
			o.until(t, put(t, others, "event/before", "x"))
			f.begin(cl)
			defer f.end(cl)
			for _, b := range o.until(t, put(t, others, "event/during", "x")) {
				if b.Snapshot || b.WentBack {
					t.Errorf("everything was listed again: %+v", b)
				}
			}
		})
	}
}

// A transaction whose first answer was lost is distinguished from one that lost a race.
func TestACommitThatWasSentTwiceHappensOnce(t *testing.T) {
	t.Parallel()
	cl := startCluster(t)
	cl.lead(t, 1)
	c, direct := cl.open(t), openTest(t, cl.members[1])
	k := ParseKey("event/x")
	rev := put(t, c, "event/x", "0")
	cl.paths[0].slow(1500 * time.Millisecond) // requests arrive at once, answers come too late
	tx := NewTxn()
	tx.PutIf(k, rev, []byte("1"))
	got, ok, err := c.Commit(t.Context(), tx)
	it, _, _ := direct.Get(t.Context(), k)
	if err != nil || !ok || string(it.Value) != "1" || it.ModRevision != got || it.Version != 2 {
		t.Errorf("commit: %v %v at %d, the key is %q at %d, version %d", ok, err, got, it.Value, it.ModRevision, it.Version)
	}
	cl.paths[0].flow()
	c.members.move(c.members.current(), 0, nil)
	cl.paths[0].slow(1500 * time.Millisecond)
	tx = NewTxn()
	tx.PutIf(k, rev, []byte("2")) // somebody was faster
	if _, ok, err := c.Commit(t.Context(), tx); err != nil || ok {
		t.Errorf("a race that was lost: %v %v", ok, err)
	}
}

// When no member answers, the error says so, and does not claim that nothing was written.
func TestNoMemberAnswers(t *testing.T) {
	t.Parallel()
	cl := startCluster(t)
	c := cl.open(t)
	put(t, c, "event/x", "0")
	for _, p := range cl.paths {
		p.freeze()
	}
	tx := NewTxn()
	tx.Put(ParseKey("event/x"), []byte("1"))
	ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer cancel()
	_, _, err := c.Commit(ctx, tx)
	if err == nil || Refused(err) {
		t.Errorf("got %v", err)
	}
	for _, p := range cl.paths {
		p.flow()
	}
	put(t, c, "event/x", "2")
}
