package netlink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"weft/hostnet/netns"
)

// Links is the one cache of a namespace's links and their addresses. One subscription keeps it current. Drivers read it, listen
// to it, and bring it up to date after their own changes.
type Links struct {
	space   *netns.Space
	log     *slog.Logger
	buffers Buffers
	whole   *Conn // for dumps, which take long
	conn    *Conn
	feed    *Feed
	stop    context.CancelFunc
	done    chan struct{}

	// Protected by the feed's lock.
	state    *linkState
	journals map[*journal]bool
}

// OpenLinks subscribes in the calling thread's network namespace. Nothing is known before the first Read. Call Close at the end.
func OpenLinks(log *slog.Logger) (*Links, error) {
	space, err := netns.Here()
	if err != nil {
		return nil, err
	}
	l := &Links{space: space, log: log, state: newLinkState(), journals: map[*journal]bool{}, done: make(chan struct{})}
	first, err := l.open()
	if err != nil {
		return nil, errors.Join(err, l.closeSockets())
	}
	l.feed = NewFeed(FeedConfig{Name: "links", Logger: log, Absorb: l.absorb, Changed: l.changed, First: first, Open: l.subscribe})
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	go func() {
		defer close(l.done)
		_ = l.feed.Run(ctx) // nil: it ends with ctx
	}()
	return l, nil
}

// Space is the namespace of the links. It belongs to the cache and is valid until Close.
func (l *Links) Space() *netns.Space { return l.space }

// Close ends the subscription and waits for it. No driver may use the cache after that.
func (l *Links) Close() error {
	l.stop()
	<-l.done
	return l.closeSockets()
}

// open opens the sockets. It returns the first subscription.
func (l *Links) open() (s *Subscription, err error) {
	if l.whole, err = Open(l.space, &l.buffers, unix.NETLINK_ROUTE); err != nil {
		return nil, err
	}
	if l.conn, err = Open(l.space, &l.buffers, unix.NETLINK_ROUTE); err != nil {
		return nil, err
	}
	return l.subscribe()
}

func (l *Links) closeSockets() error {
	var errs []error
	for _, c := range []*Conn{l.whole, l.conn} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(append(errs, l.space.Close())...)
}

func (l *Links) subscribe() (*Subscription, error) {
	return Subscribe(l.space, &l.buffers, unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR)
}

// Listen starts to collect changes for one driver. differs says whether a change of an existing link matters to the driver.
func (l *Links) Listen(differs func(was, is Link) bool) *Listener {
	s := &Listener{links: l, differs: differs, wake: make(chan struct{}, 1), changed: map[changeKey]Change{}}
	l.feed.Locked(func(bool) { l.state.listeners[s] = true })
	return s
}

// changed reports a loss. Everything else is reported while it is absorbed.
func (l *Links) changed(_ context.Context, lost bool) error {
	if lost {
		l.feed.Locked(func(bool) {
			for s := range l.state.listeners {
				s.lost = true
				s.stir()
			}
		})
	}
	return nil
}

// Cache is the state of the links at one moment. It is valid only during Cache.
type Cache struct{ state *linkState }

// NewCache makes a cache from its arguments, for tests of drivers.
func NewCache(links []Link, addresses map[int][]netip.Prefix) Cache {
	c := Cache{newLinkState()}
	for _, l := range links {
		c.state.set(l)
	}
	for index, all := range addresses {
		for _, p := range all {
			c.state.setAddress(index, p, true)
		}
	}
	return c
}

// View brings the cache up to date and shows it.
func (l *Links) View(show func(Cache)) {
	l.feed.Locked(func(bool) { show(Cache{l.state}) })
}

// Named finds a link by its name.
func (c Cache) Named(name string) (Link, bool) { return c.state.named(name) }

// Link finds a link by its index.
func (c Cache) Link(index int) (Link, bool) {
	l, ok := c.state.links[index]
	return l, ok
}

// Came returns a number that no other link has or had, and zero for a link that does not exist. A link that was moved to another
// namespace and back has the same index, name and settings, and a new number: sockets that were bound to it are unbound.
func (c Cache) Came(index int) uint64 { return c.state.came[index] }

// All are all links, in no order.
func (c Cache) All() []Link { return slices.Collect(maps.Values(c.state.links)) }

// Addresses are the addresses configured on a link, in no order.
func (c Cache) Addresses(index int) []netip.Prefix {
	return slices.Collect(maps.Keys(c.state.addresses[index]))
}

// Named finds a link by its name.
func (l *Links) Named(name string) (found Link, ok bool) {
	l.View(func(c Cache) { found, ok = c.Named(name) })
	return found, ok
}

// absorb applies one message to the cache. The lock is held.
func (l *Links) absorb(m Message) {
	for j := range l.journals {
		kept := m
		kept.Data = slices.Clone(m.Data)
		j.messages = append(j.messages, kept)
	}
	l.bring(m)
}

func (l *Links) bring(m Message) {
	if err := l.absorbOne(m); err != nil {
		l.log.Warn("netlink message ignored", "type", m.Header.Type, "error", err)
	}
}

func (l *Links) absorbOne(m Message) error {
	switch m.Header.Type {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		return l.state.absorbLink(m)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		index, prefix, err := parseAddress(m.Data)
		if err != nil {
			return err
		}
		l.state.setAddress(index, prefix, m.Header.Type == unix.RTM_NEWADDR)
	}
	return nil
}

// absorbLink applies a link message to the state. Messages of the bridge family are about a link as a bridge port. Their
// RTM_DELLINK does not mean that the link was removed. A change of port settings alone is reported only by them.
func (s *linkState) absorbLink(m Message) error {
	if len(m.Data) < LinkHeader {
		return fmt.Errorf("link message: %w", ErrShort)
	}
	gone := m.Header.Type == unix.RTM_DELLINK
	switch m.Data[0] {
	case unix.AF_BRIDGE:
		old, known := s.links[Index(m.Data)]
		if gone || !known {
			return nil // the link's own message says so, or follows
		}
		err := old.readPort(m.Data)
		if err == nil {
			s.set(old)
		}
		return err
	case unix.AF_UNSPEC:
	default:
		return nil
	}
	if gone {
		s.remove(Index(m.Data))
		return nil
	}
	link, ok, err := parseLink(m.Data)
	if err == nil && ok {
		s.set(link)
	}
	return err
}
