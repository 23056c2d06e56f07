package rtnl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// dumpAttempts bounds how often an interrupted dump is repeated: each repetition needs another change during the dump.
const dumpAttempts = 20

// dump calls read until the kernel says that nothing changed while it was reading (NLM_F_DUMP_INTR).
func dump[T any](ctx context.Context, what string, read func() ([]T, error)) ([]T, error) {
	for range dumpAttempts {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("read %s: %w", what, err)
		}
		found, err := read()
		if err == nil {
			return found, nil
		}
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return nil, fmt.Errorf("read %s: %w", what, err)
		}
	}
	return nil, fmt.Errorf("read %s: interrupted %d times by changes: will be tried again", what, dumpAttempts)
}

// read makes a view of everything but the roads.
func (d *Driver) read(ctx context.Context) (*view, error) {
	links, err := dump(ctx, "links", d.handle.LinkList)
	if err != nil {
		return nil, err
	}
	addresses, err := dump(ctx, "addresses", func() ([]netlink.Addr, error) {
		return d.handle.AddrList(nil, netlink.FAMILY_ALL)
	})
	if err != nil {
		return nil, err
	}
	qdiscs, err := d.readQdiscs(ctx)
	if err != nil {
		return nil, err
	}
	v := newView()
	v.qdiscs = qdiscs
	v.addresses = addressSet{}
	for _, l := range links {
		s := linkStateOf(l)
		v.links[s.index] = s
		v.names[s.name] = s.index
	}
	for _, a := range addresses {
		if p, ok := prefixOf(a.IPNet); ok {
			v.addresses.add(addressKey{a.LinkIndex, p})
		}
	}
	return v, nil
}

func (d *Driver) readQdiscs(ctx context.Context) (map[int]qdiscState, error) {
	list, err := dump(ctx, "qdiscs", func() ([]netlink.Qdisc, error) { return d.handle.QdiscList(nil) })
	if err != nil {
		return nil, err
	}
	states := map[int]qdiscState{}
	for _, q := range list {
		a := q.Attrs()
		hook := qdiscHook(a.Parent)
		if a.Handle == 0 || (hook != hookRoot && hook != hookIngress) {
			continue
		}
		s := states[a.LinkIndex]
		s.set(hook, q.Type())
		states[a.LinkIndex] = s
	}
	return states, nil
}

func (d *Driver) refreshQdiscs(ctx context.Context) error {
	fresh, err := d.readQdiscs(ctx)
	if err != nil {
		return err
	}
	d.view.mu.Lock()
	defer d.view.mu.Unlock()
	d.view.qdiscs = fresh
	return nil
}

func (d *Driver) refreshLink(index int) error {
	l, err := d.handle.LinkByIndex(index)
	var gone netlink.LinkNotFoundError
	if errors.As(err, &gone) {
		d.view.deleteLink(index)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read link %d back: %w", index, err)
	}
	d.view.setLink(linkStateOf(l))
	return nil
}

// readRoads finds the links that carry a default route of either family, and those by which etcd is reached. An
// endpoint without a route is reached by no link.
func (d *Driver) readRoads(ctx context.Context) (roads, error) {
	r := roads{defaults: map[int]bool{}, etcd: map[int]bool{}}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := dump(ctx, "routes", func() ([]netlink.Route, error) {
			return d.handle.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
		})
		if err != nil {
			return roads{}, err
		}
		for _, route := range routes {
			if route.Dst == nil || isZeroPrefix(route.Dst) {
				r.addDefault(route)
			}
		}
	}
	for _, a := range d.config.EtcdAddresses {
		found, err := d.handle.RouteGet(net.IP(a.Unmap().AsSlice()))
		if err != nil {
			d.config.Logger.Debug("no road to etcd endpoint", "address", a, "error", err)
			continue
		}
		for _, route := range found {
			r.etcd[route.LinkIndex] = true
		}
	}
	return r, nil
}

func (r roads) addDefault(route netlink.Route) {
	if route.LinkIndex > 0 {
		r.defaults[route.LinkIndex] = true
	}
	for _, hop := range route.MultiPath {
		r.defaults[hop.LinkIndex] = true
	}
}

func isZeroPrefix(n *net.IPNet) bool {
	ones, _ := n.Mask.Size()
	return ones == 0
}

func linkStateOf(l netlink.Link) linkState {
	a := l.Attrs()
	s := linkState{kind: l.Type(), index: a.Index, name: a.Name, mtu: a.MTU, up: a.RawFlags&unix.IFF_UP != 0, master: a.MasterIndex,
		alt: strings.Join(a.AltNames, " ")}
	if len(a.HardwareAddr) == len(s.mac) {
		s.mac = object.MAC(a.HardwareAddr)
	}
	if owner, ours := strings.CutPrefix(a.Alias, object.AliasPrefix); ours {
		s.owner = owner
	}
	return s
}

func prefixOf(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	a, ok := netip.AddrFromSlice(n.IP)
	if !ok {
		return netip.Prefix{}, false
	}
	ones, _ := n.Mask.Size()
	p := netip.PrefixFrom(a.Unmap(), ones)
	return p, p.IsValid()
}
