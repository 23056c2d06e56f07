package rtnl

import (
	"context"
	"errors"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
)

// readQdiscs reads what is on the hooks of all links, and the filters of those for which filters says so.
func (d *Driver) readQdiscs(ctx context.Context, filters func(index int) bool) (map[int]qdiscState, error) {
	var states map[int]qdiscState
	var wrong error
	err := d.conn.Dump(ctx, "qdiscs", func() *own.Request { return own.NewRequest(unix.RTM_GETQDISC, own.FlagsDump, tcHeader(0, 0, 0, 0)) },
		func() { states = map[int]qdiscState{} },
		func(m own.Message) {
			q, ok, err := parseQdisc(m)
			if wrong = errors.Join(wrong, err); err == nil && ok && q.handle != 0 {
				s := states[q.index]
				s.set(q)
				states[q.index] = s
			}
		})
	if err := errors.Join(err, wrong); err != nil {
		return nil, err
	}
	for index, s := range states {
		if s.ingress == "" {
			continue
		}
		if !filters(index) {
			s.filterState = d.cache.qdisc(index).filterState
			states[index] = s
			continue
		}
		if s.filterState, err = d.readFilters(ctx, index); err != nil {
			return nil, err
		}
		states[index] = s
	}
	return states, nil
}

// readFilters reads the filters of a link. A link that was just removed has none.
func (d *Driver) readFilters(ctx context.Context, index int) (f filterState, err error) {
	for _, hook := range []qdiscHook{hookFromGuest, hookToGuest} {
		var list []filterMessage
		var wrong error
		err := d.conn.Dump(ctx, "filters", func() *own.Request {
			return own.NewRequest(unix.RTM_GETTFILTER, own.FlagsDump, tcHeader(index, 0, hook, 0))
		}, func() { list = nil }, func(m own.Message) {
			one, err := parseFilter(m)
			wrong = errors.Join(wrong, err)
			list = append(list, one)
		})
		if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) { // the link or its qdisc is gone
			return filterState{}, nil
		}
		if err := errors.Join(err, wrong); err != nil {
			return f, err
		}
		f.add(hook, list)
	}
	return f, nil
}

// refreshQdiscs reads the qdiscs of all links, and the filters of the given ones; of all if none is given. Older notifications are absorbed
// before it, and those that arrived meanwhile after it.
func (d *Driver) refreshQdiscs(ctx context.Context, changed ...int) (err error) {
	filters := func(index int) bool { return len(changed) == 0 || slices.Contains(changed, index) }
	d.feed.Locked(func(bool) {
		var fresh map[int]qdiscState
		if fresh, err = d.readQdiscs(ctx, filters); err != nil {
			return
		}
		d.cache.mu.Lock()
		defer d.cache.mu.Unlock()
		d.cache.qdiscs = fresh
	})
	d.feed.Locked(func(bool) {})
	return err
}

// refreshRoutes reads the routes and returns the links whose routes changed. Only one reading runs at a time, so results are stored
// in the order of reading.
func (d *Driver) refreshRoutes(ctx context.Context) (links []int, err error) {
	d.routesMu.Lock()
	defer d.routesMu.Unlock()
	r, err := d.readRoutes(ctx)
	if err != nil {
		return nil, err
	}
	return d.cache.setRoutes(r), nil
}

// readRoutes finds the links of the default routes of either family, and the links by which etcd is reached. An endpoint without a
// route is reached by no link.
func (d *Driver) readRoutes(ctx context.Context) (routeLinks, error) {
	r := routeLinks{defaults: map[int]bool{}, etcd: map[int]bool{}}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := own.Consistent(ctx, "routes", func() ([]netlink.Route, error) {
			return d.handle.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
		})
		if err != nil {
			return routeLinks{}, err
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
			d.config.Logger.Debug("no route to etcd endpoint", "address", a, "error", err)
			continue
		}
		for _, route := range found {
			r.etcd[route.LinkIndex] = true
		}
	}
	return r, nil
}

func (r routeLinks) addDefault(route netlink.Route) {
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
