package routing

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/netns"
	"weft/hostnet/object"
)

var errNotOurs = errors.New("a namespace of that name exists and is not ours: remove it (ip netns delete)")

func (d *Driver) applyNamespace(c object.Change) error {
	if c.Op == object.Delete {
		return d.removeNamespace(c.Key().Name)
	}
	want := c.Desired.(*object.Namespace)
	if c.Op == object.Create {
		err := d.makeNamespace(want)
		if !errors.Is(err, netns.ErrExists) {
			return err
		}
	}
	return d.mendNamespace(want)
}

// makeNamespace makes a namespace. The namespace is complete before it gets its name.
func (d *Driver) makeNamespace(want *object.Namespace) error {
	ns, err := d.dir.Make(want.Name, func() error { return prepareNamespace(want.OwnerUID, d.buffers) })
	if err != nil {
		return err
	}
	if err := ns.Close(); err != nil {
		return err
	}
	if old := d.space(want.Name); old != nil { // somebody removed it, and that was not reported yet
		d.drop(old)
	}
	s, err := d.adopt(want.Name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read()
}

// prepareNamespace marks the calling thread's namespace and writes its settings.
func prepareNamespace(owner string, buffers *netlink.Buffers) (err error) {
	conn, err := netlink.OpenHere(buffers, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.One(addAlias(setLink(loopbackIndex), ownerMark+owner), nil); err != nil {
		return fmt.Errorf("mark it: %w", err)
	}
	if err := writeSettings(nil); err != nil {
		return err
	}
	if err := conn.One(setUp(loopbackIndex, true), nil); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}

// mendNamespace repairs a namespace of ours.
func (d *Driver) mendNamespace(want *object.Namespace) error {
	s, err := d.adopt(want.Name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.read(); err != nil {
		return err
	}
	if !s.marked() {
		return errNotOurs
	}
	err = s.ns.Do(func() error { return writeSettings(s.state.devices()) })
	if err != nil {
		return err
	}
	steps := append(s.state.mendRules(), step{addAlias(setUp(loopbackIndex, true), ownerMark+want.OwnerUID), noErrors})
	steps = append(steps, s.state.restore(s.state.lackingLoopback())...)
	err = s.take(steps)
	s.reread, s.resettle = true, true
	s.catchUp()
	return err
}

// removeNamespace removes the name and closes the namespace. The kernel removes everything inside in its own time.
func (d *Driver) removeNamespace(name string) error {
	s := d.space(name)
	if s == nil {
		return nil
	}
	s.mu.Lock()
	ours := s.marked()
	s.mu.Unlock()
	if !ours {
		return errNotOurs
	}
	d.drop(s)
	return d.dir.Remove(name)
}
