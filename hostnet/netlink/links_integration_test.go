//go:build integration

package netlink

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/netns"
)

// deadline bounds every wait of a test.
const deadline = 10 * time.Second

// testbed is a network namespace with a cache of its links, and a handle for changes by somebody else.
type testbed struct {
	t     *testing.T
	links *Links
	hand  *vnl.Handle
	space *netns.Space
}

func newTestbed(t *testing.T) *testbed {
	t.Helper()
	names, err := netns.OpenDirectory(t.TempDir())
	must(t, err)
	t.Cleanup(func() { names.Close() })
	space, err := names.Make("links", func() error { return nil })
	must(t, err)
	t.Cleanup(func() { space.Close(); _ = names.Dismantle("links") })
	b := &testbed{t: t, space: space}
	must(t, space.Do(func() (err error) { b.links, err = OpenLinks(slog.New(slog.DiscardHandler)); return err }))
	t.Cleanup(func() { must(t, b.links.Close()) })
	b.hand, err = space.Netlink(unix.NETLINK_ROUTE)
	must(t, err)
	t.Cleanup(b.hand.Close)
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// add makes a device. It is down.
func (b *testbed) add(name string) vnl.Link {
	b.t.Helper()
	a := vnl.NewLinkAttrs()
	a.Name = name
	must(b.t, b.hand.LinkAdd(&vnl.Veth{LinkAttrs: a, PeerName: name + "p"}))
	l, err := b.hand.LinkByName(name)
	must(b.t, err)
	return l
}

func everything(was, is Link) bool { return was != is }

// await reads changes until one with the name satisfies the function.
func (b *testbed) await(s *Listener, name string, satisfies func(Change) bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), deadline)
	defer cancel()
	found := false
	s.Follow(ctx, func(changes []Change, _ bool) {
		if slices.ContainsFunc(changes, func(c Change) bool { return c.Name == name && satisfies(c) }) {
			found = true
			cancel()
		}
	})
	if !found {
		b.t.Fatalf("nothing is told of %s", name)
	}
}

// TestWhatIsAcknowledgedIsKnown: after a change is made, the cache has it, and no older notification undoes it.
func TestWhatIsAcknowledgedIsKnown(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	driver := b.links.Listen(everything)
	must(t, driver.Read(t.Context()))
	l := b.add("tap1")
	for i := range 500 {
		mtu := 1400 + i%7
		must(t, b.hand.LinkSetMTU(l, 1300)) // the older notifications
		must(t, b.hand.LinkSetMTU(l, mtu))
		if i%2 == 0 {
			must(t, driver.ReadLink("tap1"))
		}
		for range 3 {
			if have, ok := b.links.Named("tap1"); !ok || have.MTU != mtu {
				t.Fatalf("turn %d: the cache has %+v, %v, expected MTU %d", i, have, ok, mtu)
			}
		}
	}
	must(t, b.hand.LinkDel(l))
	if have, ok := b.links.Named("tap1"); ok {
		t.Errorf("after it went: %+v", have)
	}
}

// TestKnownFromTheBeginning: what is acknowledged is in the cache as soon as the cache is open.
func TestKnownFromTheBeginning(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	for range 100 {
		var links *Links
		must(t, b.space.Do(func() (err error) { links, err = OpenLinks(slog.New(slog.DiscardHandler)); return err }))
		l := b.add("tap1")
		if have, ok := links.Named("tap1"); !ok || have.Index != l.Attrs().Index {
			t.Errorf("the cache has %+v, %v", have, ok)
		}
		must(t, errors.Join(b.hand.LinkDel(l), links.Close()))
	}
}

// TestSilentChangesAreRead: the kernel does not report the alias of a link that is down.
func TestSilentChangesAreRead(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	reader, other := b.links.Listen(everything), b.links.Listen(everything)
	must(t, reader.Read(t.Context()))
	l := b.add("tap1")
	b.await(reader, "tap1", func(c Change) bool { return c.Link })
	b.await(other, "tap1", func(c Change) bool { return c.Link })
	must(t, b.hand.LinkSetAlias(l, "weft:net"))
	must(t, reader.ReadLink("tap1"))
	if have, _ := b.links.Named("tap1"); have.Alias != "weft:net" {
		t.Errorf("read back is %+v", have)
	}
	b.await(other, "tap1", func(c Change) bool { return c.Link })
	if changes, lost := reader.take(); len(changes) > 0 || lost {
		t.Errorf("what it read itself is told: %+v", changes)
	}
	must(t, reader.ReadLink("none"))
	must(t, b.hand.LinkSetAlias(l, "weft:other"))
	must(t, other.Read(t.Context()))
	b.await(reader, "tap1", func(c Change) bool { return c.Link })
}

// TestAddressesAreFollowed: configured addresses are reported. Link-local ones are reported separately.
func TestAddressesAreFollowed(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	s := b.links.Listen(everything)
	must(t, s.Read(t.Context()))
	l := b.add("eth1")
	must(t, b.hand.LinkSetUp(l))
	peer, err := b.hand.LinkByName("eth1p")
	must(t, err)
	must(t, b.hand.LinkSetUp(peer))
	b.await(s, "eth1", func(c Change) bool { return c.LinkLocal && !c.Address })
	address, err := vnl.ParseAddr("192.0.2.1/24")
	must(t, err)
	must(t, b.hand.AddrAdd(l, address))
	b.await(s, "eth1", func(c Change) bool { return c.Address })
	count := 0
	b.links.View(func(c Cache) { count = len(c.Addresses(l.Attrs().Index)) })
	must(t, s.Read(t.Context()))
	b.links.View(func(c Cache) {
		if n := len(c.Addresses(l.Attrs().Index)); n != 2 || count != 2 {
			t.Errorf("%d addresses by news, %d by reading, expected the link-local one and the other", count, n)
		}
	})
}

// TestLossIsTold: when more happens than the subscription can hold, every listener is told. A reading brings the cache up to
// date.
func TestLossIsTold(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	s := b.links.Listen(everything)
	must(t, s.Read(t.Context()))
	l := b.add("tap1")
	b.await(s, "tap1", func(c Change) bool { return c.Link })
	must(t, b.links.feed.sub.raw.Control(func(fd uintptr) {
		must(t, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 1)) // the kernel takes its smallest
	}))
	b.links.feed.mu.Lock() // nobody reads meanwhile
	for i := range 200 {
		must(t, b.hand.LinkSetMTU(l, 1300+i))
	}
	b.links.feed.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	told := false
	s.Follow(ctx, func(_ []Change, lost bool) {
		if lost {
			told = true
			cancel()
		}
	})
	must(t, s.Read(t.Context()))
	if have, _ := b.links.Named("tap1"); !told || have.MTU != 1499 {
		t.Errorf("told %v, the cache has %+v", told, have)
	}
}

// TestFeedSubscribesAgain: after a failure a loss is reported. The feed ends if its subject does not exist any more.
func TestFeedSubscribesAgain(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	opened, lost := 0, make(chan bool, 100)
	failure := errors.New("once")
	f := NewFeed(FeedConfig{
		Name: "test", Logger: slog.New(slog.DiscardHandler), Absorb: func(Message) {},
		Open: func() (*Subscription, error) {
			if opened++; opened > 2 {
				return nil, os.ErrNotExist
			}
			return Subscribe(b.space, new(Buffers), unix.NETLINK_ROUTE, unix.RTNLGRP_LINK)
		},
		Changed: func(_ context.Context, is bool) error {
			lost <- is
			return failure
		},
	})
	if err := f.Run(t.Context()); !errors.Is(err, os.ErrNotExist) || opened != 3 || len(lost) != 2 || !<-lost || !<-lost {
		t.Errorf("%v, opened %d times, told %d times", err, opened, len(lost))
	}
	f.Locked(func(current bool) {
		if current {
			t.Error("a feed that nobody runs is current")
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	opened, failure = 0, nil
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	<-lost
	cancel()
	if err := <-done; err != nil {
		t.Errorf("with its context: %v", err)
	}
}

// TestRequestsFailOneByOne: each of many requests in one datagram has its own answer.
func TestRequestsFailOneByOne(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	l := b.add("tap1")
	set := func(index int) *Request {
		return NewRequest(unix.RTM_NEWLINK, FlagsAct, LinkInfo(unix.AF_UNSPEC, index, 0, 0)).Uint32(unix.IFLA_MTU, 1400)
	}
	errs := b.links.conn.Do([]*Request{set(l.Attrs().Index), set(9999), set(l.Attrs().Index)}, nil)
	if errs[0] != nil || errs[2] != nil || !errors.Is(errs[1], unix.ENODEV) {
		t.Errorf("%v", errs)
	}
}

// TestWhatOthersReadIsTold: what somebody else reads from the feed is reported, although it woke nobody.
func TestWhatOthersReadIsTold(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	l := b.add("tap1")
	told, mtu := make(chan int, 10000), 0
	var f *Feed
	f = NewFeed(FeedConfig{
		Name: "test", Logger: slog.New(slog.DiscardHandler),
		Absorb: func(m Message) {
			if now, ok, err := parseLink(m.Data); ok && err == nil && now.Name == "tap1" {
				mtu = now.MTU
			}
		},
		Open: func() (*Subscription, error) {
			return Subscribe(b.space, new(Buffers), unix.NETLINK_ROUTE, unix.RTNLGRP_LINK)
		},
		Changed: func(context.Context, bool) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			told <- mtu
			return nil
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	<-told
	late := time.After(deadline)
	for i := range 1000 {
		must(t, b.hand.LinkSetMTU(l, 1300+i%9))
		f.Locked(func(bool) {})
		for now := 0; now != 1300+i%9; {
			select {
			case now = <-told:
			case <-late:
				t.Fatalf("turn %d: what was read is not told", i)
			}
		}
	}
	cancel()
	must(t, <-done)
}
