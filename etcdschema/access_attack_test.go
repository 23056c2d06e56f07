package etcdschema

import (
	"context"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// attack is one attempt of a node to reach what is not its own; nil means that it succeeded.
type attack struct {
	name string
	try  func(ctx context.Context, c *clientv3.Client) error
}

// foreign are keys that node h1 must not reach. The keys of h10 come right after its own in key order.
func foreign() []string {
	return []string{
		"/weft/v1/intent/alpha/port/web-1", "/weft/v1/intent/_/addresspool/rack1", "/weft/v1/claim/address-pool/u1", "/weft/v1/accepted/alpha/port/web-1", "/weft/v1/status/alpha/port/web-1",
		"/weft/v1/claim/mac/02:00:00:00:00:01", "/weft/v1/desired/h2/port/u1", "/weft/v1/desired/h10/port/u1",
		"/weft/v1/desired/h1", "/weft/v1/desired/h10", "/weft/v1/actual/h2/node", "/weft/v1/actual/h10/node",
		"/weft/v1/live/h2", "/weft/v1/live/h10", "/weft/v1/live/h1/x", "/weft/v1/order/h2/accept",
		"/weft/v1/order/_control/accept", "/weft/v1/event/x", "/weft/v1/election/leader/1", "/weft", "/", "other",
	}
}

func keyAttacks(key string) []attack {
	own := "/weft/v1/actual/h1/x"
	txn := func(ctx context.Context, c *clientv3.Client, cmps []clientv3.Cmp, then, orElse []clientv3.Op) error {
		_, err := c.Txn(ctx).If(cmps...).Then(then...).Else(orElse...).Commit()
		return err
	}
	nested := clientv3.OpTxn(nil, []clientv3.Op{clientv3.OpGet(key)}, nil)
	return []attack{
		{"get", func(ctx context.Context, c *clientv3.Client) error { _, err := c.Get(ctx, key); return err }},
		{"serializable get", func(ctx context.Context, c *clientv3.Client) error {
			_, err := c.Get(ctx, key, clientv3.WithSerializable())
			return err
		}},
		{"count", func(ctx context.Context, c *clientv3.Client) error {
			_, err := c.Get(ctx, key, clientv3.WithCountOnly())
			return err
		}},
		{"range", func(ctx context.Context, c *clientv3.Client) error {
			_, err := c.Get(ctx, key, clientv3.WithPrefix())
			return err
		}},
		{"range from own to it", func(ctx context.Context, c *clientv3.Client) error {
			_, err := c.Get(ctx, min(own, key), clientv3.WithRange(max(own, key)+"\x00"))
			return err
		}},
		{"put", func(ctx context.Context, c *clientv3.Client) error { _, err := c.Put(ctx, key, "x"); return err }},
		{"delete", func(ctx context.Context, c *clientv3.Client) error { _, err := c.Delete(ctx, key); return err }},
		{"delete range", func(ctx context.Context, c *clientv3.Client) error {
			_, err := c.Delete(ctx, min(own, key), clientv3.WithRange(max(own, key)+"\x00"))
			return err
		}},
		{"watch", watchAttack(key)},
		{"watch range", watchAttack(key, clientv3.WithPrefix())},
		{"watch from", watchAttack(key, clientv3.WithFromKey())},
		{"watch history", watchAttack(key, clientv3.WithRev(1), clientv3.WithPrevKV())},
		{"transaction: compare", func(ctx context.Context, c *clientv3.Client) error {
			return txn(ctx, c, []clientv3.Cmp{clientv3.Compare(clientv3.Value(key), "=", "x")}, []clientv3.Op{clientv3.OpGet(own)}, nil)
		}},
		{"transaction: get", func(ctx context.Context, c *clientv3.Client) error {
			return txn(ctx, c, nil, []clientv3.Op{clientv3.OpGet(key)}, nil)
		}},
		{"transaction: put in a branch not taken", func(ctx context.Context, c *clientv3.Client) error {
			return txn(ctx, c, nil, []clientv3.Op{clientv3.OpGet(own)}, []clientv3.Op{clientv3.OpPut(key, "x")})
		}},
		{"transaction: delete", func(ctx context.Context, c *clientv3.Client) error {
			return txn(ctx, c, nil, []clientv3.Op{clientv3.OpPut(own, "x"), clientv3.OpDelete(key)}, nil)
		}},
		{"transaction in a transaction", func(ctx context.Context, c *clientv3.Client) error {
			return txn(ctx, c, nil, []clientv3.Op{clientv3.OpPut(own, "x"), nested}, nil)
		}},
	}
}

// watchAttack succeeds when etcd accepts the watch.
func watchAttack(key string, options ...clientv3.OpOption) func(context.Context, *clientv3.Client) error {
	return func(ctx context.Context, c *clientv3.Client) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		r := <-c.Watch(ctx, key, append(options, clientv3.WithCreatedNotify())...)
		if r.Err() == nil {
			return nil
		}
		return watchError(r.Err())
	}
}

// leaseAttacks are attempts on a lease with a key of another node.
func leaseAttacks(id clientv3.LeaseID) []attack {
	return []attack{
		{"revoke", func(ctx context.Context, c *clientv3.Client) error { _, err := c.Revoke(ctx, id); return err }},
		{"keys", func(ctx context.Context, c *clientv3.Client) error {
			_, err := c.TimeToLive(ctx, id, clientv3.WithAttachedKeys())
			return err
		}},
		{"keep alive", func(ctx context.Context, c *clientv3.Client) error { _, err := c.KeepAliveOnce(ctx, id); return err }},
		{"list", func(ctx context.Context, c *clientv3.Client) error { _, err := c.Leases(ctx); return err }},
		{"join", func(ctx context.Context, c *clientv3.Client) error {
			_, err := c.Put(ctx, "/weft/v1/actual/h1/x", "x", clientv3.WithLease(id))
			return err
		}},
		{"join in a transaction", func(ctx context.Context, c *clientv3.Client) error {
			_, err := c.Txn(ctx).Then(clientv3.OpPut("/weft/v1/live/h1", "x", clientv3.WithLease(id))).Commit()
			return err
		}},
	}
}

// adminAttacks are attempts on the cluster itself.
func adminAttacks(endpoint string) []attack {
	read := clientv3.PermissionType(clientv3.PermRead)
	return []attack{
		{"disable authentication", func(ctx context.Context, c *clientv3.Client) error { _, err := c.AuthDisable(ctx); return err }},
		{"add a user", func(ctx context.Context, c *clientv3.Client) error {
			_, err := c.UserAddWithOptions(ctx, "x", "", &clientv3.UserAddOptions{NoPassword: true})
			return err
		}},
		{"list users", func(ctx context.Context, c *clientv3.Client) error { _, err := c.UserList(ctx); return err }},
		{"another user", func(ctx context.Context, c *clientv3.Client) error { _, err := c.UserGet(ctx, "h2"); return err }},
		{"another role", func(ctx context.Context, c *clientv3.Client) error {
			_, err := c.RoleGet(ctx, NodeRole("h2"))
			return err
		}},
		{"grant itself", func(ctx context.Context, c *clientv3.Client) error {
			_, err := c.RoleGrantPermission(ctx, NodeRole("h1"), "/", "0", read)
			return err
		}},
		{"become controller", func(ctx context.Context, c *clientv3.Client) error {
			_, err := c.UserGrantRole(ctx, "h1", ControllerRole)
			return err
		}},
		{"snapshot", func(ctx context.Context, c *clientv3.Client) error {
			r, err := c.Snapshot(ctx)
			if err == nil {
				_, err = r.Read(make([]byte, 1))
				r.Close()
			}
			return err
		}},
		{"defragment", func(ctx context.Context, c *clientv3.Client) error { _, err := c.Defragment(ctx, endpoint); return err }},
		{"hash", func(ctx context.Context, c *clientv3.Client) error { _, err := c.HashKV(ctx, endpoint, 0); return err }},
		{"remove a member", func(ctx context.Context, c *clientv3.Client) error { _, err := c.MemberRemove(ctx, 1); return err }},
		{"add a member", func(ctx context.Context, c *clientv3.Client) error {
			_, err := c.MemberAdd(ctx, []string{"http://192.0.2.1:2380"})
			return err
		}},
		{"compact", func(ctx context.Context, c *clientv3.Client) error { _, err := c.Compact(ctx, 1); return err }},
	}
}

func TestNodeReachesNothingButItsOwn(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	ctx := testContext(t)
	for _, key := range foreign() {
		if _, err := g.root.Etcd().Put(ctx, key, "x"); err != nil {
			t.Fatal(err)
		}
	}
	lease, err := g.h2.Grant(ctx, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, g.h2, func(tx *Txn) { tx.PutLeased(Live("h2"), []byte("x"), lease) })
	tries := map[string][]attack{
		"lease": leaseAttacks(clientv3.LeaseID(lease)), "admin": adminAttacks(g.server.Endpoints()[0]),
		"own, to write": {
			{"desired", func(ctx context.Context, c *clientv3.Client) error {
				_, err := c.Put(ctx, "/weft/v1/desired/h1/port/u1", "x")
				return err
			}},
			{"order", func(ctx context.Context, c *clientv3.Client) error {
				_, err := c.Put(ctx, "/weft/v1/order/h1/accept", "x")
				return err
			}},
		},
	}
	for _, key := range foreign() {
		tries[key] = keyAttacks(key)
	}
	before := dump(t, g.root)
	for target, attacks := range tries {
		for _, a := range attacks {
			if err := a.try(ctx, g.h1.Etcd()); !denied(err) {
				t.Errorf("%s: %s: %v", target, a.name, err)
			}
		}
	}
	if after := dump(t, g.root); after != before {
		t.Errorf("something was written: %d keys became %d", before, after)
	}
}

// dump is the number of keys and the revision. Any write changes it.
func dump(t *testing.T, c *Client) [2]int64 {
	t.Helper()
	resp, err := c.Etcd().Get(testContext(t), "\x00", clientv3.WithFromKey(), clientv3.WithCountOnly())
	if err != nil {
		t.Fatal(err)
	}
	return [2]int64{resp.Count, resp.Header.Revision}
}

// What etcd allows to every authenticated user. README.md documents it.
func TestWhatEtcdLeavesOpen(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	ctx := testContext(t)
	lease, err := g.h2.Grant(ctx, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.h1.Etcd().TimeToLive(ctx, clientv3.LeaseID(lease)); err != nil {
		t.Errorf("the time left of a lease, without its keys: %v", err)
	}
	if _, err := g.h1.Etcd().AlarmList(ctx); err != nil {
		t.Errorf("the list of alarms: %v", err)
	}
	if _, err := g.h1.Etcd().Revoke(ctx, clientv3.LeaseID(lease)); err != nil {
		t.Errorf("a lease without a key is nobody's: %v", err)
	}
	if _, err := g.h1.Grant(ctx, time.Minute); err != nil {
		t.Errorf("leases without number: %v", err)
	}
	if _, err := g.h1.Etcd().Status(ctx, g.server.Endpoints()[0]); err != nil {
		t.Errorf("status: %v", err)
	}
	if _, err := g.h1.Etcd().MemberList(ctx); err != nil {
		t.Errorf("member list: %v", err)
	}
}
