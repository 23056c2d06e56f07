package routing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/netns"
	"weft/hostnet/object"
)

// space is one network namespace with its sockets and its cache. It is the host's own (name "") or one of ours.
type space struct {
	name string
	log  *slog.Logger
	ns   *netns.Space

	mu        sync.Mutex
	conn      *netlink.Conn
	sub       *netlink.Subscription
	control   int    // a socket for ioctl
	devices   *sysfs // nil in the host's own namespace
	noDevices error  // why devices is nil in a namespace of ours; only threaded NAPI needs it
	ipv6      bool   // the kernel has it
	state     *state
	closed    bool
	lost      bool  // notifications were lost: the cache may be wrong until the next read
	failure   error // why the last read failed; the cache is then empty
	// reread and resettle say that something must be read again, because the kernel does not report everything.
	reread, resettle bool
	changed          map[object.Key]bool // not reported yet
}

// The multicast groups in the host's own namespace, and in ours.
var (
	homeGroups = []int{unix.RTNLGRP_LINK}
	ownGroups  = []int{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE,
		unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_NEIGH, unix.RTNLGRP_IPV4_NETCONF, unix.RTNLGRP_IPV6_NETCONF,
		unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE}
)

// readRounds bounds how often a namespace is read again because notifications of the meantime ask for it.
const readRounds = 20

// openSpace subscribes and reads nothing yet. It owns ns from then on, also if it fails.
func openSpace(ns *netns.Space, buffers *netlink.Buffers, log *slog.Logger) (*space, error) {
	s := &space{name: ns.Name(), log: log, ns: ns, control: -1, ipv6: hasIPv6(), changed: map[object.Key]bool{}}
	s.state = newState(s.ipv6)
	groups := ownGroups
	if s.home() {
		groups = homeGroups
	}
	var err error
	if s.sub, err = netlink.Subscribe(ns, buffers, unix.NETLINK_ROUTE, groups...); err == nil {
		if s.conn, err = netlink.Open(ns, buffers, unix.NETLINK_ROUTE); err == nil {
			s.control, err = ns.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		}
	}
	if err == nil && !s.home() {
		s.devices, s.noDevices = openSysfs(ns)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("namespace %q: %w", ns.Name(), err), s.close())
	}
	return s, nil
}

// errClosed is the error of a namespace that lost its name.
var errClosed = errors.New("the namespace is gone")

func (s *space) home() bool { return s.name == "" }

// close closes everything that the space holds. A namespace without a name ends then.
func (s *space) close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	var errs []error
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	if s.control >= 0 {
		errs = append(errs, unix.Close(s.control))
		s.control = -1
	}
	if s.devices != nil {
		errs = append(errs, s.devices.close())
		s.devices = nil
	}
	s.mu.Unlock()
	if s.sub != nil { // it waits for the reader, and the reader waits for the lock
		errs = append(errs, s.sub.Close())
	}
	if !s.home() {
		errs = append(errs, s.ns.Close())
	}
	return errors.Join(errs...)
}

// follow keeps the cache current until ctx ends or the space is closed. It calls tell with what changed, and resync if
// something was lost.
func (s *space) follow(ctx context.Context, tell func([]object.Key), resync func()) {
	err := s.sub.Wait(ctx, func() bool {
		keys, lost, closed := s.absorb()
		if lost {
			resync()
		}
		if len(keys) > 0 {
			tell(keys)
		}
		return closed
	})
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if err != nil && ctx.Err() == nil && !closed {
		s.log.Error("a network namespace is not followed any more: only the periodic full read sees its changes", "namespace", s.name, "error", err)
	}
}

// absorb applies everything that has arrived and returns what changed.
func (s *space) absorb() (keys []object.Key, lost, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false, true
	}
	s.catchUp()
	lost, s.lost = s.lost, false
	return s.takeChanged(nil), lost, false
}

// takeChanged empties the list of what is to be reported. It leaves out the keys that somebody else handles.
func (s *space) takeChanged(but map[object.Key]bool) []object.Key {
	keys := make([]object.Key, 0, len(s.changed))
	for k := range s.changed {
		if !but[k] {
			keys = append(keys, k)
		}
	}
	clear(s.changed)
	return keys
}

// catchUp brings the cache up to date with everything that the kernel has acknowledged to anybody. The lock is held.
func (s *space) catchUp() {
	if s.closed {
		return
	}
	s.drain()
	for round := 0; s.reread && round < readRounds; round++ {
		s.reread = false
		if err := s.readSilent(); err != nil {
			s.log.Warn("cannot read a network namespace", "namespace", s.name, "error", err)
			s.lost = true
		}
		s.drain()
	}
	if s.resettle {
		s.resettle = false
		s.settle()
	}
}

func (s *space) drain() {
	lost, err := s.sub.Drain(s.absorbOne)
	if err != nil {
		s.log.Warn("netlink messages ignored", "namespace", s.name, "error", err)
	}
	s.lost = s.lost || lost || err != nil
}

// dump is Dump of the namespace's socket. The lock is held. No context ends it: the socket bounds each wait for the kernel.
func (s *space) dump(what string, r *netlink.Request, reset func(), fn func(netlink.Message)) error {
	return s.conn.Dump(context.Background(), what, func() *netlink.Request { return r }, reset, fn)
}

// read makes the cache again. The lock is held.
func (s *space) read() error {
	if s.closed {
		return errClosed
	}
	s.drain() // older notifications must not be applied after the reading
	fresh := newState(s.ipv6)
	err := s.readInto(fresh)
	s.failure = err
	if err != nil {
		fresh = newState(s.ipv6)
	}
	s.state = fresh
	clear(s.changed)
	s.lost, s.reread, s.resettle = false, false, false
	return err
}

// readInto reads everything that matters in the namespace.
func (s *space) readInto(fresh *state) error {
	err := s.dump("devices", dumpLinks(), func() { clear(fresh.links); clear(fresh.names) }, func(m netlink.Message) {
		if i, l, ok, err := parseLink(m); ok && err == nil {
			fresh.setLink(i, l)
		}
	})
	if err != nil {
		return err
	}
	for i, l := range fresh.links {
		if l.ours() {
			fresh.links[i] = s.complete(l)
		}
	}
	if s.home() {
		return nil
	}
	err = s.readAddresses(fresh)
	if err == nil {
		err = s.readRoutes(fresh)
	}
	if err == nil {
		err = s.readNeighbors(fresh)
	}
	if err == nil {
		err = s.readRules(fresh)
	}
	if err == nil {
		fresh.settings, err = s.readSettings(fresh)
	}
	return err
}

func (s *space) readAddresses(fresh *state) error {
	return s.dump("addresses", dumpAddresses(), func() { clear(fresh.addresses) }, func(m netlink.Message) {
		if i, p, a, err := parseAddress(m); err == nil {
			fresh.setAddress(i, p, a, true)
		}
	})
}

func (s *space) readRoutes(fresh *state) error {
	for _, family := range fresh.families() {
		var all []routeMessage
		err := s.dump("routes", dumpRoutes(family), func() { all = all[:0] }, func(m netlink.Message) {
			if r, ok, err := parseRoute(m); err == nil && ok && (r.ours() || r.byKernel()) {
				all = append(all, r)
			}
		})
		if err != nil {
			return err
		}
		for _, r := range all {
			if r.ours() {
				fresh.routes[r.key()] = append(fresh.routes[r.key()], r.routeEntry)
			} else {
				fresh.kernel[r.kernelRoute()] = true
			}
		}
	}
	return nil
}

func (s *space) readNeighbors(fresh *state) error {
	err := s.dump("neighbours", dumpNeighbors(false), func() { clear(fresh.neighbors) }, func(m netlink.Message) {
		if k, mac, permanent, proxy, ok, err := parseNeighbor(m); err == nil && ok && permanent && !proxy {
			fresh.neighbors[k] = mac
		}
	})
	if err != nil {
		return err
	}
	return s.dump("proxied addresses", dumpNeighbors(true), func() { clear(fresh.proxies) }, func(m netlink.Message) {
		if k, _, _, proxy, ok, err := parseNeighbor(m); err == nil && ok && proxy {
			fresh.proxies[k] = true
		}
	})
}

// readSilent reads what the kernel does not report, or reports late. It does not report IPv4 routes that go with an address or
// with a device that goes down, nor proxied addresses of a device that goes down. It reports new IPv6 addresses late.
func (s *space) readSilent() error {
	fresh := newState(s.ipv6)
	if err := s.readAddresses(fresh); err != nil {
		return err
	}
	if err := s.readRoutes(fresh); err != nil {
		return err
	}
	if err := s.readNeighbors(fresh); err != nil {
		return err
	}
	s.noteDifferent(fresh)
	s.state.addresses, s.state.kernel = fresh.addresses, fresh.kernel
	s.state.routes, s.state.neighbors, s.state.proxies = fresh.routes, fresh.neighbors, fresh.proxies
	return nil
}

// settle reads the settings and the routing rules again. It notes the namespace and our rules if they changed.
func (s *space) settle() {
	settings, err := s.readSettings(s.state)
	fresh := newState(s.ipv6)
	if err == nil {
		err = s.readRules(fresh)
	}
	if err != nil {
		s.log.Warn("cannot read the settings of a network namespace", "namespace", s.name, "error", err)
		return
	}
	eachDifferent(ownRules(s.state.rules), ownRules(fresh.rules), slices.Equal, func(k ruleKey) {
		s.note(object.KindRule, object.RuleName(s.name, k.priority, k.from))
	})
	if !slices.Equal(settings, s.state.settings) || !slices.Equal(otherRules(fresh.rules), otherRules(s.state.rules)) {
		s.note(object.KindNamespace, s.name)
	}
	s.state.settings, s.state.rules = settings, fresh.rules
}
