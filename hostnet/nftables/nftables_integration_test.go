//go:build integration

package nftables

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/nftables"

	"weft/hostnet/netns"
	"weft/hostnet/object"
)

// deadline bounds every wait of a test.
const deadline = 10 * time.Second

var inet = &nftables.Table{Name: "weft", Family: nftables.TableFamilyINet}

// inside runs the rest of the test in its own network namespace.
func inside(t *testing.T, test func(c *Conn, space *netns.Space)) {
	t.Helper()
	names, err := netns.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer names.Close()
	space, err := names.Make("tables", func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { space.Close(); _ = names.Dismantle("tables") }()
	var c *Conn
	if err := space.Do(func() (err error) { c, err = Open(); return err }); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	test(c, space)
}

// load runs the nft program inside.
func load(t *testing.T, space *netns.Space, p *Program, commands string) {
	t.Helper()
	if err := space.Do(func() error { return p.Load(t.Context(), commands) }); err != nil {
		t.Fatal(err)
	}
}

// TestReadingIsOfOneGeneration: a reading during which somebody committed is never used.
func TestReadingIsOfOneGeneration(t *testing.T) {
	t.Parallel()
	inside(t, func(c *Conn, space *netns.Space) {
		p := NewProgram("")
		if there, err := c.Table(inet); there != nil || err != nil {
			t.Fatalf("before it is made: %v, %v", there, err)
		}
		load(t, space, p, "add table inet weft\nadd set inet weft silent { type ifname; }\n")
		set := &nftables.Set{Table: inet, Name: "silent"}
		var found []nftables.SetElement
		tries := 0
		err := c.Consistent(t.Context(), "set silent", func() (err error) {
			tries++
			found, err = c.Elements(set)
			if tries == 1 {
				load(t, space, p, "add element inet weft silent { tap1 }\n")
			}
			return err
		})
		if err != nil || tries != 2 || len(found) != 1 {
			t.Errorf("%d elements after %d tries, %v", len(found), tries, err)
		}
		if _, err := c.Elements(&nftables.Set{Table: inet, Name: "other"}); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a set that is not there: %v", err)
		}
		load(t, space, p, "add chain inet weft c\nadd rule inet weft c counter comment \"one\"\nadd rule inet weft c counter\n")
		rules, err := c.Rules(t.Context(), inet)
		if err != nil || len(rules) != 2 || rules[0].Comment != "one" || rules[1].Handle == 0 {
			t.Errorf("%+v, %v", rules, err)
		}
	})
}

// TestFollowTellsOfOthers: a foreign transaction is reported with its author. One of ours is not reported.
func TestFollowTellsOfOthers(t *testing.T) {
	t.Parallel()
	inside(t, func(c *Conn, space *netns.Space) {
		ctx, cancel := context.WithCancel(t.Context())
		events, done := make(chan object.Event, 16), make(chan error, 1)
		ours, key := NewProgram(""), object.Key{Kind: object.KindHostFilter}
		f := Follower{Name: "test", Logger: slog.New(slog.DiscardHandler), Program: ours, Tables: []Table{{byte(inet.Family), inet.Name}},
			Refresh: func(context.Context) ([]object.Key, error) { return []object.Key{key}, nil }}
		go func() { done <- space.Do(func() error { return Follow(ctx, f, func(e object.Event) { events <- e }) }) }()
		next := func() object.Event {
			t.Helper()
			select {
			case e := <-events:
				return e
			case <-time.After(deadline):
				t.Fatal("no event")
			}
			return object.Event{}
		}
		if e := next(); !e.Resync {
			t.Errorf("the first is %+v", e)
		}
		load(t, space, ours, "add table inet weft\n")
		load(t, space, NewProgram(""), "add table inet other\n")
		load(t, space, NewProgram(""), "add chain inet weft c\n")
		if e := next(); len(e.Keys) != 1 || e.By == "" || e.Resync {
			t.Errorf("told is %+v", e)
		}
		cancel()
		if err := <-done; err != nil || len(events) > 0 {
			t.Errorf("%v, and %d events more", err, len(events))
		}
	})
}

// TestLimitsOfElements: elements with limits are made, read back, replaced and removed. A set without them is not a set of limits.
func TestLimitsOfElements(t *testing.T) {
	t.Parallel()
	inside(t, func(c *Conn, space *netns.Space) {
		set := &nftables.Set{Table: inet, Name: "broadcast"}
		if _, err := c.LimitElements(t.Context(), set); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a set that is not there: %v", err)
		}
		load(t, space, NewProgram(""), "add table inet weft\nadd set inet weft broadcast { type ifname; }\nadd element inet weft broadcast { \"other\" comment \"other\" }\n")
		want := map[string]LimitElement{"other": {}}
		var list, gone []LimitElement
		for i := range 600 { // more than one message
			e := LimitElement{Key: make([]byte, 16), Comment: fmt.Sprint("tap", i), Rate: uint32(10 + i), Burst: uint32(4_000_000 - i)}
			copy(e.Key, e.Comment)
			list, want[e.Comment] = append(list, e), e
		}
		expect := func(what string) {
			t.Helper()
			found, err := c.LimitElements(t.Context(), set)
			if err != nil || len(found) != len(want) {
				t.Fatalf("%s: %d elements, expected %d: %v", what, len(found), len(want), err)
			}
			for _, e := range found {
				if w := want[e.Comment]; e.Rate != w.Rate || e.Burst != w.Burst {
					t.Errorf("%s: %+v, expected %+v", what, e, w)
				}
			}
		}
		if err := c.ChangeLimits(set, nil, list); err != nil {
			t.Fatal(err)
		}
		expect("made")
		other := list[3]
		other.Rate = 8_000_000
		if err := c.ChangeLimits(set, list[3:4], []LimitElement{other}); err != nil {
			t.Fatal(err)
		}
		want[other.Comment] = other
		expect("replaced")
		missing := LimitElement{Key: make([]byte, 16)}
		copy(missing.Key, "nobody")
		if err := c.ChangeLimits(set, []LimitElement{list[5], missing}, nil); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("removing what is not there: %v", err)
		}
		expect("all or nothing")
		for _, e := range want {
			if e.Key != nil {
				gone = append(gone, e)
			}
		}
		if err := c.ChangeLimits(set, gone, nil); err != nil {
			t.Fatal(err)
		}
		want = map[string]LimitElement{"other": {}}
		expect("removed")
	})
}
