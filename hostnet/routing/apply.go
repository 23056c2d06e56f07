package routing

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// applyOrder is the order of creates and updates within a batch. Deletes use the reverse order: what is in a namespace is deleted
// before the namespace, and what is on a device before the device.
var applyOrder = []object.Kind{object.KindNamespace, object.KindVeth, object.KindAddresses, object.KindRoute,
	object.KindRule, object.KindNeighbor, object.KindProxy}

// batch is one running Apply.
type batch struct {
	d       *Driver
	ctx     context.Context
	changes []object.Change
	errs    []error
}

// Apply makes the changes. It groups them by kind and namespace into few datagrams. When it returns, the cache holds what the
// kernel said about them.
func (d *Driver) Apply(ctx context.Context, changes []object.Change) []error {
	b := &batch{d, ctx, changes, make([]error, len(changes))}
	own := make(map[object.Key]bool, len(changes))
	for _, c := range changes {
		own[c.Key()] = true
	}
	for _, k := range slices.Backward(applyOrder) {
		b.run(k, true)
	}
	for _, k := range applyOrder {
		b.run(k, false)
	}
	d.tellRest(own)
	return b.errs
}

// run makes all changes of one kind, either the deletes or the others.
func (b *batch) run(kind object.Kind, deletes bool) {
	var picked []int
	for i, c := range b.changes {
		if c.Key().Kind == kind && (c.Op == object.Delete) == deletes {
			picked = append(picked, i)
		}
	}
	switch kind {
	case object.KindNamespace:
		b.each(picked, b.d.applyNamespace)
	case object.KindVeth:
		b.each(picked, b.d.applyVeth)
	default:
		b.entries(picked)
	}
}

// each makes changes one by one.
func (b *batch) each(picked []int, apply func(object.Change) error) {
	for _, i := range picked {
		err := b.ctx.Err()
		if err == nil {
			err = apply(b.changes[i])
		}
		if err != nil {
			b.errs[i] = fmt.Errorf("%s: %w", b.changes[i].Key(), err)
		}
	}
}

// order is one request for the change with that number. fine are the errors that mean that it is done already.
type order struct {
	change  int
	request *netlink.Request
	fine    []error
}

// step is one request. fine are the errors that mean that it is done already.
type step struct {
	request *netlink.Request
	fine    []error
}

// take carries out the steps. The lock is held.
func (s *space) take(steps []step) error {
	var failed []error
	for chunk := range slices.Chunk(steps, netlink.ChunkSize) {
		requests := make([]*netlink.Request, len(chunk))
		for i, t := range chunk {
			requests[i] = t.request
		}
		for i, err := range s.conn.Do(requests, nil) {
			if err != nil && !isOneOf(err, chunk[i].fine) {
				failed = append(failed, err)
			}
		}
	}
	return errors.Join(failed...)
}

func isOneOf(err error, fine []error) bool {
	return slices.ContainsFunc(fine, func(f error) bool { return errors.Is(err, f) })
}

// Errors that mean that what is to be removed does not exist.
var (
	gone     = []error{unix.ENODEV, unix.ENOENT, unix.ESRCH, unix.EADDRNOTAVAIL}
	noErrors []error
)

// entries makes changes of addresses, routes, rules, neighbours and proxied addresses. All changes of one namespace are made
// together.
func (b *batch) entries(picked []int) {
	orders := map[*space][]order{}
	for _, i := range picked {
		c := b.changes[i]
		s := b.d.space(namespaceOf(c))
		if s == nil || s.home() {
			if c.Op != object.Delete {
				b.errs[i] = fmt.Errorf("%s: there is no namespace %q", c.Key(), namespaceOf(c))
			}
			continue
		}
		s.mu.Lock()
		requests, err := s.orders(i, c)
		s.mu.Unlock()
		if err != nil {
			b.errs[i] = fmt.Errorf("%s: %w", c.Key(), err)
			continue
		}
		orders[s] = append(orders[s], requests...)
	}
	for s, o := range orders {
		b.carryOut(s, o)
	}
}

// carryOut sends the orders in chunks. After each chunk it brings the cache up to date.
func (b *batch) carryOut(s *space, orders []order) {
	for chunk := range slices.Chunk(orders, netlink.ChunkSize) {
		requests := make([]*netlink.Request, len(chunk))
		for i, o := range chunk {
			requests[i] = o.request
		}
		s.mu.Lock()
		errs := make([]error, len(chunk))
		if err := errors.Join(b.ctx.Err(), s.usable()); err != nil {
			for i := range errs {
				errs[i] = err
			}
		} else {
			errs = s.conn.Do(requests, nil)
			s.reread = s.reread || slices.ContainsFunc(chunk, func(o order) bool { // new IPv6 addresses are reported later
				return b.changes[o.change].Key().Kind == object.KindAddresses
			})
			s.catchUp()
			s.confirmProxies(b.changes, chunk)
		}
		s.mu.Unlock()
		for i, err := range errs {
			if err != nil && !isOneOf(err, chunk[i].fine) {
				n := chunk[i].change
				b.errs[n] = errors.Join(b.errs[n], fmt.Errorf("%s: %w%s", b.changes[n].Key(), err, s.whyRefused(b.changes[n].Desired)))
			}
		}
	}
}

// usable says why the driver cannot work with a namespace. The lock is held.
func (s *space) usable() error {
	if s.closed {
		return errClosed
	}
	if s.failure != nil {
		return fmt.Errorf("the namespace cannot be read: %w", s.failure)
	}
	if !s.marked() && !s.home() {
		return errNotOurs
	}
	return nil
}

// namespaceOf is the namespace that a change belongs to.
func namespaceOf(c object.Change) string {
	o := c.Desired
	if o == nil {
		o = c.Observed
	}
	switch o := o.(type) {
	case *object.Addresses:
		return o.Namespace
	case *object.Route:
		return o.Namespace
	case *object.Rule:
		return o.Namespace
	case *object.Neighbor:
		return o.Namespace
	case *object.Proxy:
		return o.Namespace
	}
	return ""
}
