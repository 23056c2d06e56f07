package nftables

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
)

const subsystem = unix.NFNL_SUBSYS_NFTABLES << 8

// notification is a notification as the kernel writes it.
func notification(kind uint16, family byte, fill func(*netlink.Request)) netlink.Message {
	r := netlink.NewRequest(kind, 0, []byte{family, 0, 0, 0})
	fill(r)
	return netlink.Message{Header: syscall.NlMsghdr{Type: kind}, Data: r.Body()}
}

func ofTable(kind uint16, family byte, table string) netlink.Message {
	return notification(kind, family, func(r *netlink.Request) { r.Text(unix.NFTA_TABLE_NAME, table) })
}

func newGeneration() netlink.Message {
	return notification(subsystem|unix.NFT_MSG_NEWGEN, 0, func(r *netlink.Request) {
		r.Attr(unix.NFTA_GEN_ID, 0, 0, 2, 0).Attr(unix.NFTA_GEN_PROC_PID, 0, 0, 1, 1).Text(unix.NFTA_GEN_PROC_NAME, "nft")
	})
}

// TestTransactions: only notifications about the tables are kept. The author is reported.
func TestTransactions(t *testing.T) {
	t.Parallel()
	tables := []Table{{unix.NFPROTO_BRIDGE, "weft"}, {unix.NFPROTO_NETDEV, "weft"}}
	for name, c := range map[string]struct {
		m     netlink.Message
		about bool
	}{
		"a rule":            {ofTable(subsystem|unix.NFT_MSG_NEWRULE, unix.NFPROTO_BRIDGE, "weft"), true},
		"an uplink's chain": {ofTable(subsystem|unix.NFT_MSG_DELCHAIN, unix.NFPROTO_NETDEV, "weft"), true},
		"another table":     {ofTable(subsystem|unix.NFT_MSG_NEWRULE, unix.NFPROTO_BRIDGE, "filter"), false},
		"another family":    {ofTable(subsystem|unix.NFT_MSG_NEWRULE, unix.NFPROTO_INET, "weft"), false},
		"another subsystem": {ofTable(unix.NFNL_SUBSYS_CTNETLINK<<8, unix.NFPROTO_BRIDGE, "weft"), false},
		"cut off":           {netlink.Message{Header: syscall.NlMsghdr{Type: subsystem}, Data: []byte{unix.NFPROTO_BRIDGE}}, false},
	} {
		for _, all := range []bool{false, true} {
			var told []Transaction
			w := Watcher{Tables: tables, All: all, Committed: func(_ context.Context, x Transaction) error { told = append(told, x); return nil }}
			w.absorb(c.m)
			w.absorb(newGeneration())
			if err := w.changed(t.Context(), false); err != nil {
				t.Fatal(err)
			}
			if (len(told) == 1) != (c.about || all) || len(told) == 1 && (len(told[0].Changes) == 1) != c.about {
				t.Errorf("%s, all %v: told is %+v", name, all, told)
			}
			if len(told) == 1 && (told[0].By() != "nft[257]" || told[0].Generation != 512) {
				t.Errorf("%s: it was %s, generation %d", name, told[0].By(), told[0].Generation)
			}
		}
	}
}

// TestLossForgetsHalfTransactions: nothing that was received before a loss is reported, because parts of it may be missing.
func TestLossForgetsHalfTransactions(t *testing.T) {
	t.Parallel()
	lost, told, refused := 0, 0, errors.New("refused")
	w := Watcher{
		Tables:    []Table{{unix.NFPROTO_BRIDGE, "weft"}},
		Lost:      func(context.Context) error { lost++; return nil },
		Committed: func(context.Context, Transaction) error { told++; return refused },
	}
	rule := ofTable(subsystem|unix.NFT_MSG_NEWRULE, unix.NFPROTO_BRIDGE, "weft")
	for _, m := range []netlink.Message{rule, newGeneration(), rule} {
		w.absorb(m)
	}
	if err := w.changed(t.Context(), true); err != nil || lost != 1 || told != 0 {
		t.Errorf("lost %d, told %d, %v", lost, told, err)
	}
	w.absorb(newGeneration())
	if err := w.changed(t.Context(), false); err != nil || told != 0 {
		t.Errorf("half a transaction was told: %d, %v", told, err)
	}
	w.absorb(rule)
	w.absorb(newGeneration())
	if err := w.changed(t.Context(), false); !errors.Is(err, refused) || told != 1 {
		t.Errorf("told %d, %v", told, err)
	}
}

// TestParseRule reads a rule's chain, its handle and its comment.
func TestParseRule(t *testing.T) {
	t.Parallel()
	comment := userdata.AppendString(nil, ruleComment, "weft abc 7")
	m := notification(0, 0, func(r *netlink.Request) {
		r.Text(unix.NFTA_RULE_CHAIN, "guest").Attr(unix.NFTA_RULE_HANDLE, 0, 0, 0, 0, 0, 0, 1, 2).Attr(unix.NFTA_RULE_USERDATA, comment...)
	})
	if r, err := parseRule(m.Data); err != nil || r != (Rule{"guest", "weft abc 7", 258}) {
		t.Errorf("%+v, %v", r, err)
	}
	for _, bad := range [][]byte{nil, {1, 2, 3}, {0, 0, 0, 0, 9, 0, 0, 0}} {
		if r, err := parseRule(bad); err == nil {
			t.Errorf("% x is %+v", bad, r)
		}
	}
}

// TestOurs: a run of the program counts once, this process always, and a failed run never.
func TestOurs(t *testing.T) {
	t.Parallel()
	p := NewProgram("/bin/false")
	p.children[257] = true
	if !p.Ours(257) || p.Ours(257) || !p.Ours(uint32(os.Getpid())) {
		t.Error("a child counts once, and this process always")
	}
	if err := p.Load(t.Context(), ""); err == nil || len(p.children) != 0 {
		t.Errorf("%v, and %v are waited for", err, p.children)
	}
	if err := NewProgram("/nowhere/nft").Load(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "install nftables") {
		t.Errorf("without the program: %v", err)
	}
}

// TestQueueCutsMessages: no message has more elements than the kernel accepts, and none is lost.
func TestQueueCutsMessages(t *testing.T) {
	t.Parallel()
	var sizes []int
	send := func(_ *nftables.Set, e []nftables.SetElement) error { sizes = append(sizes, len(e)); return nil }
	set := &nftables.Set{Name: "guests"}
	if err := Queue(set, make([]nftables.SetElement, 2*maxElements+1), send); err != nil || !slices.Equal(sizes, []int{maxElements, maxElements, 1}) {
		t.Errorf("%v, %v", sizes, err)
	}
	refuse := func(*nftables.Set, []nftables.SetElement) error { return fmt.Errorf("no") }
	if err := Queue(set, make([]nftables.SetElement, 1), refuse); err == nil || !strings.Contains(err.Error(), "guests") {
		t.Errorf("a refusal is %v", err)
	}
}
