package rtnl

import (
	"context"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
)

func (d *Driver) readQdiscs(ctx context.Context) (map[int]qdiscState, error) {
	list, err := own.Consistent(ctx, "qdiscs", func() ([]netlink.Qdisc, error) { return d.handle.QdiscList(nil) })
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

// refreshQdiscs reads the qdiscs of all links. Older notifications are absorbed before it, and those that arrived meanwhile after
// it.
func (d *Driver) refreshQdiscs(ctx context.Context) (err error) {
	d.feed.Locked(func(bool) {
		var fresh map[int]qdiscState
		if fresh, err = d.readQdiscs(ctx); err != nil {
			return
		}
		d.view.mu.Lock()
		defer d.view.mu.Unlock()
		d.view.qdiscs = fresh
	})
	d.feed.Locked(func(bool) {})
	return err
}

// refreshRoads reads the routes and returns the links whose roads changed. Only one reading runs at a time, so results are stored
// in the order of reading.
func (d *Driver) refreshRoads(ctx context.Context) (links []int, err error) {
	d.roads.Lock()
	defer d.roads.Unlock()
	r, err := d.readRoads(ctx)
	if err != nil {
		return nil, err
	}
	return d.view.setRoads(r), nil
}

// readRoads finds the links of the default routes of either family, and the links by which etcd is reached. An endpoint without a
// route is reached by no link.
func (d *Driver) readRoads(ctx context.Context) (roads, error) {
	r := roads{defaults: map[int]bool{}, etcd: map[int]bool{}}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := own.Consistent(ctx, "routes", func() ([]netlink.Route, error) {
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
