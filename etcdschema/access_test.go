package etcdschema

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"weft/etcdschema/etcdserver"
	"weft/etcdschema/pki"
	"weft/model"
	"weft/model/desired"
)

// guarded is an etcd with authentication on, and a client for each certificate.
type guarded struct {
	server               *etcdserver.Server
	root, control, alice *Client
	h1, h2, stranger     *Client
	change               []string
}

func startGuarded(t *testing.T) *guarded {
	t.Helper()
	ca, err := pki.New("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	caFile, _, err := ca.Write(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Server("etcd", []string{"127.0.0.1"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := pair.Write(dir, "server")
	if err != nil {
		t.Fatal(err)
	}
	g := &guarded{server: startTest(t, etcdserver.Config{TLS: etcdserver.TLSConfig{CertFile: cert, KeyFile: key, CAFile: caFile}})}
	for name, c := range map[string]**Client{"root": &g.root, "ctl1": &g.control, "alice": &g.alice, "h1": &g.h1, "h2": &g.h2, "stranger": &g.stranger} {
		pair, err := ca.Client(name, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		cert, key, err := pair.Write(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		if *c, err = Open(t.Context(), Config{Endpoints: g.server.Endpoints(), TLS: TLSConfig{cert, key, caFile}}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*c).Close() })
	}
	g.change, err = Setup(testContext(t), g.root, g.options())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *guarded) options() SetupOptions {
	return SetupOptions{Hosts: []string{"h1", "h2", "h10"}, Controllers: []string{"ctl1"}, People: []string{"alice"}, EnableAuth: true}
}

func denied(err error) bool {
	return errors.Is(rpctypes.Error(err), rpctypes.ErrPermissionDenied)
}

func TestSetupIsIdempotentAndRepairs(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	g := startGuarded(t)
	if len(g.change) == 0 {
		t.Fatal("nothing was set up")
	}
	if again, err := Setup(ctx, g.root, g.options()); err != nil || len(again) != 0 {
		t.Errorf("a second setup changed %v: %v", again, err)
	}
	etcd := g.root.Etcd()
	if _, err := etcd.RoleGrantPermission(ctx, NodeRole("h1"), "/weft/v1/intent/", "/weft/v1/intent0", clientv3.PermissionType(clientv3.PermRead)); err != nil {
		t.Fatal(err)
	}
	if _, err := etcd.RoleRevokePermission(ctx, NodeRole("h1"), "/weft/v1/live/h1", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := etcd.UserGrantRole(ctx, "h2", ControllerRole); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"role weft-node-h1: revoke read /weft/v1/intent/*",
		"role weft-node-h1: grant read and write /weft/v1/live/h1",
		"user h2: revoke role weft-controller",
	}
	o := g.options()
	o.DryRun = true
	for _, dry := range []bool{true, false} {
		o.DryRun = dry
		got, err := Setup(ctx, g.root, o)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("dry run %v: %v\n%s", dry, err, diff)
		}
	}
	if again, err := Setup(ctx, g.root, g.options()); err != nil || len(again) != 0 {
		t.Errorf("after the repair: %v %v", again, err)
	}
	gone := SetupOptions{Hosts: []string{"h1"}, GoneHosts: []string{"h2", "never-was"}}
	if got, err := Setup(ctx, g.root, gone); err != nil || len(got) != 2 {
		t.Errorf("a host is gone: %v %v", got, err)
	}
	if _, err := g.h2.Etcd().Get(ctx, "/weft/v1/desired/h2/_head"); err == nil {
		t.Error("a host that is gone still reads its node config")
	}
	if _, err := Setup(ctx, g.control, SetupOptions{Hosts: []string{"h3"}}); !denied(err) {
		t.Errorf("a controller changed users: %v", err)
	}
}

func TestSetupRefusesNames(t *testing.T) {
	t.Parallel()
	c, err := Open(t.Context(), Config{Endpoints: []string{"http://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, tc := range []struct {
		o    SetupOptions
		want string
	}{
		{SetupOptions{Hosts: []string{"root"}}, "superuser"},
		{SetupOptions{Hosts: []string{"h1", "h1"}}, "already"},
		{SetupOptions{Hosts: []string{"h1"}, People: []string{"h1"}}, "already"},
		{SetupOptions{GoneHosts: []string{"root"}}, "superuser"},
		{SetupOptions{Hosts: []string{"h1"}, GoneHosts: []string{"h1"}}, "host"},
		{SetupOptions{Hosts: []string{"h1/"}}, "usable"},
		{SetupOptions{Hosts: []string{"_control"}}, "usable"},
		{SetupOptions{Hosts: []string{""}}, "usable"},
		{SetupOptions{Controllers: []string{"a b"}}, "usable"},
		{SetupOptions{EnableAuth: true}, "root"},
	} {
		if _, err := Setup(t.Context(), c, tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want %q", tc.o, err, tc.want)
		}
	}
}

func TestNodeDoesItsWork(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	o := observe(t, g.h1, FollowerConfig{Prefixes: []Prefix{NodeDesired("h1"), NodeOrder("h1")}})
	o.next(t)
	rev := commit(t, g.control, func(tx *Txn) {
		tx.Put(DesiredKey("h1", desired.Key{Kind: desired.KindPort, UID: "u1"}), []byte("{}"))
		tx.Put(HeadKey("h1"), Head{})
	})
	o.until(t, rev)
	if len(o.state) != 2 {
		t.Errorf("%v", o.state)
	}
	commit(t, g.h1, func(tx *Txn) { tx.Put(ActualNode("h1"), NodeReport{}) })
	ctx, cancel := context.WithCancel(testContext(t))
	done := make(chan error)
	live := observe(t, g.control, FollowerConfig{Prefixes: []Prefix{LivePrefix()}})
	go func() { done <- g.h1.KeepLive(ctx, "h1", 5*time.Second, struct{}{}) }()
	for len(live.state) == 0 {
		live.next(t)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	l, err := g.control.Campaign(testContext(t), "leader", "ctl1", 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, g.control, func(tx *Txn) { tx.Fence(l); tx.Put(StatusKey(model.ID{}), Status{}) })
	if err := l.Resign(testContext(t)); err != nil {
		t.Error(err)
	}
	commit(t, g.alice, func(tx *Txn) { tx.Put(ParseKey("intent/alpha/port/web-1"), []byte("{}")) })
}

func TestPeopleWriteIntentAndOrdersOnly(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	ctx := testContext(t)
	for _, area := range []string{"accepted/x", "status/x", "claim/x", "desired/h1/x", "actual/h1/x", "live/h1", "event/x"} {
		if _, err := g.alice.Etcd().Put(ctx, "/weft/v1/"+area, "x"); !denied(err) {
			t.Errorf("put %s: %v", area, err)
		}
		if _, _, err := g.alice.Get(ctx, ParseKey(area)); err != nil {
			t.Errorf("get %s: %v", area, err)
		}
	}
	for _, area := range []string{"intent/x", "order/h1/accept", "order/_control/accept"} {
		if _, err := g.alice.Etcd().Put(ctx, "/weft/v1/"+area, "x"); err != nil {
			t.Errorf("put %s: %v", area, err)
		}
	}
	if _, err := g.alice.Etcd().Put(ctx, "/weft/v1/election/leader/0", "x"); !denied(err) {
		t.Errorf("put election: %v", err)
	}
	if _, err := g.control.Etcd().Put(ctx, "/weft/other", "x"); !denied(err) {
		t.Errorf("a controller wrote outside the layout: %v", err)
	}
	if _, err := g.stranger.Etcd().Get(ctx, "/weft/v1/intent/x"); err == nil {
		t.Error("a certificate without a user read intent")
	}
}
