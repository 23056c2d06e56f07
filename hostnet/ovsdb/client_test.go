package ovsdb_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/hostnet/ovsdb"
	"weft/hostnet/ovsdb/ovsdbtest"
)

// TestRowsShowWhatWasWritten as soon as the transaction has returned, and every change of a row is observed.
func TestRowsShowWhatWasWritten(t *testing.T) {
	t.Parallel()
	s := dialled(t, true)
	s.must(t, s.bridge("br0")...)
	b, there := ovsdb.Find(s.Client, &ovsdb.Bridge{Name: "br0"})
	if !there || !slices.Equal(s.Root().Bridges, []string{b.UUID}) {
		t.Fatalf("bridge %+v, root %+v", b, s.Root())
	}
	s.must(t, ovsdb.Update(ovsdb.TableBridge, ovsdb.WhereName("br0"),
		ovsdb.Columns{"fail_mode": "secure", "other_config": ovsdb.Map{GoMap: map[any]any{"a": "1"}}}))
	same, there := ovsdb.Get[*ovsdb.Bridge](s.Client, b.UUID)
	if !there || same.FailMode == nil || *same.FailMode != "secure" || same.OtherConfig["a"] != "1" || b.FailMode != nil {
		t.Errorf("after an update it is %+v, and what was read before is %+v", same, b)
	}
	all := ovsdb.All[*ovsdb.Bridge](s.Client)
	if one, there := all.Get(b.UUID); !there || all.Len() != 1 || one.Name != "br0" {
		t.Errorf("%d bridges, %+v", all.Len(), one)
	}
	s.must(t, s.MutateRoot(ovsdb.Exclude("bridges", ovsdb.SetOf(ovsdb.UUID{GoUUID: b.UUID}))))
	if _, there := ovsdb.Get[*ovsdb.Bridge](s.Client, b.UUID); there {
		t.Error("the row is still there")
	}
	if _, there := ovsdb.Find(s.Client, &ovsdb.Bridge{Name: "br0"}); there {
		t.Error("the row is still found")
	}
	for range all.Each() {
		return // a snapshot stays as it was
	}
	t.Error("the snapshot has lost its row")
}

// TestEveryChangeIsObserved: a row that is new, that changes, and that goes because nobody refers to it any more.
func TestEveryChangeIsObserved(t *testing.T) {
	t.Parallel()
	s := dialled(t, true)
	s.must(t, ovsdb.Insert(ovsdb.TableController, "c", ovsdb.Columns{"target": "tcp:1"}),
		ovsdb.Insert(ovsdb.TableBridge, "b", ovsdb.Columns{"name": "br0", "controller": ovsdb.SetOf(ovsdb.UUID{GoUUID: "c"})}),
		s.MutateRoot(ovsdb.Include("bridges", ovsdb.SetOf(ovsdb.UUID{GoUUID: "b"}))))
	s.must(t, ovsdb.Update(ovsdb.TableController, ovsdb.WhereAll(), ovsdb.Columns{"target": "tcp:2"}))
	s.must(t, ovsdb.Update(ovsdb.TableBridge, ovsdb.WhereName("br0"), ovsdb.Columns{"controller": ovsdb.EmptySet()}))
	for _, want := range []string{"new Open_vSwitch", "new Bridge", "changed Open_vSwitch", "changed Controller", "gone Controller"} {
		if err := s.Await(t.Context(), func() bool { return slices.Contains(s.observed(), want) }); err != nil {
			t.Errorf("%q is not in %q: %v", want, s.observed(), err)
		}
	}
}

// TestARefusedTransactionWritesNothing, and its error says why.
func TestARefusedTransactionWritesNothing(t *testing.T) {
	t.Parallel()
	s := dialled(t, true)
	s.must(t, s.bridge("br0")...)
	second := append(s.bridge("br0"), ovsdb.Update(ovsdb.TableBridge, ovsdb.WhereName("br0"), ovsdb.Columns{"fail_mode": "secure"}))
	_, err := s.Transact(t.Context(), second)
	if err == nil || errors.Is(err, ovsdb.ErrLost) || !strings.Contains(err.Error(), "constraint violation") {
		t.Errorf("error %v", err)
	}
	if cfg, err := s.Commit(t.Context(), second, true); err == nil || cfg != 0 {
		t.Errorf("committed as %d, %v", cfg, err)
	}
	if b, _ := ovsdb.Find(s.Client, &ovsdb.Bridge{Name: "br0"}); b.FailMode != nil || len(s.Root().Bridges) != 1 || s.Root().NextCfg != 0 {
		t.Errorf("bridge %+v, root %+v", b, s.Root())
	}
}

// TestTheSwitchAcknowledges what raises next_cfg, and nobody asks it for anything else.
func TestTheSwitchAcknowledges(t *testing.T) {
	t.Parallel()
	s := dialled(t, true)
	if cfg, err := s.Commit(t.Context(), s.bridge("br0"), false); cfg != 0 || err != nil || s.Root().NextCfg != 0 {
		t.Errorf("%d, %v, root %+v", cfg, err, s.Root())
	}
	cfg, err := s.Commit(t.Context(), s.bridge("br1"), true)
	if cfg != 1 || err != nil || s.Root().NextCfg != 1 {
		t.Fatalf("%d, %v, root %+v", cfg, err, s.Root())
	}
	over, cancel := context.WithCancelCause(t.Context())
	boom := errors.New("boom")
	cancel(boom)
	if err := s.AwaitCarriedOut(over, cfg); !errors.Is(err, boom) {
		t.Errorf("before the switch has written it: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- s.AwaitCarriedOut(t.Context(), cfg) }()
	s.must(t, ovsdb.Update(ovsdb.TableRoot, ovsdb.WhereAll(), ovsdb.Columns{"cur_cfg": cfg}))
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(deadline):
		t.Error("nobody noticed that the switch is done")
	}
}

// TestADatabaseThatWasNeverInitialised has an empty root, and cannot raise next_cfg.
func TestADatabaseThatWasNeverInitialised(t *testing.T) {
	t.Parallel()
	s := dialled(t, false)
	if s.Root().UUID != "" {
		t.Errorf("root %+v", s.Root())
	}
	if _, err := s.Commit(t.Context(), nil, true); err == nil || !strings.Contains(err.Error(), "run ovs-vsctl init") {
		t.Errorf("error %v", err)
	}
}

// TestFenceShowsWhatOthersWrote before the call.
func TestFenceShowsWhatOthersWrote(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ovsdbtest.ServeSwitch(t, filepath.Join(dir, "db.sock"))
	var both [2]ovsdb.Switch
	for i := range both {
		var err error
		if both[i], err = ovsdb.DialSwitch(t.Context(), dir, func(*ovsdb.Client, ovsdb.Row, ovsdb.Row) {}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(both[i].Close)
	}
	if _, err := both[0].Transact(t.Context(), []ovsdb.Operation{ovsdb.Insert(ovsdb.TableRoot, "", ovsdb.Columns{})}); err != nil {
		t.Fatal(err)
	}
	if err := both[1].Fence(t.Context()); err != nil || both[1].Root().UUID == "" {
		t.Errorf("after the fence the root is %+v: %v", both[1].Root(), err)
	}
}

// TestALostServerEndsEverything that waits, and all that comes after.
func TestALostServerEndsEverything(t *testing.T) {
	t.Parallel()
	s := dialled(t, true)
	if s.Lost() {
		t.Error("lost before the server has ended")
	}
	waits := make(chan error, 1)
	go func() { waits <- s.Await(t.Context(), func() bool { return false }) }()
	s.lose()
	select {
	case <-s.Gone():
	case <-time.After(deadline):
		t.Fatal("nobody noticed that the server has ended")
	}
	_, transact := s.Transact(t.Context(), s.bridge("br0"))
	_, commit := s.Commit(t.Context(), s.bridge("br0"), true)
	for what, err := range map[string]error{"what waited": <-waits, "a transaction": transact, "a commit": commit, "a fence": s.Fence(t.Context()),
		"what waits now": s.Await(t.Context(), func() bool { return false })} {
		if !errors.Is(err, ovsdb.ErrLost) {
			t.Errorf("%s ends with %v", what, err)
		}
	}
	if !s.Lost() {
		t.Error("it does not count as lost")
	}
	s.Close()
	s.Close()
}

// TestDialNobody: the error says that the connection is lost, so that the caller tries again.
func TestDialNobody(t *testing.T) {
	t.Parallel()
	_, err := ovsdb.DialSwitch(t.Context(), t.TempDir(), func(*ovsdb.Client, ovsdb.Row, ovsdb.Row) {})
	if !errors.Is(err, ovsdb.ErrLost) {
		t.Errorf("error %v", err)
	}
}
