package bridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// noAddress is IN6_ADDR_GEN_MODE_NONE: no automatic link-local address (linux/if_link.h).
const noAddress = 1

// Apply makes the changes one by one, in order, and reads each device back.
func (d *Driver) Apply(ctx context.Context, changes []object.Change) []error {
	errs := make([]error, len(changes))
	for i, c := range changes {
		if err := ctx.Err(); err != nil {
			errs[i] = fmt.Errorf("%s: %w", c.Key(), err)
			continue
		}
		if err := errors.Join(d.apply(c), d.listener.ReadLink(c.Key().Name)); err != nil {
			errs[i] = fmt.Errorf("%s: %w", c.Key(), err)
		}
	}
	return errs
}

func (d *Driver) apply(c object.Change) error {
	if c.Op == object.Delete {
		return d.remove(c.Key())
	}
	switch want := c.Desired.(type) {
	case *object.VLANDevice:
		return d.makeVLAN(want)
	case *object.LinuxBridge:
		return d.makeBridge(want)
	case *object.BridgePort:
		return d.makePort(want)
	}
	return errors.New("not a kind of the bridge driver")
}

func (d *Driver) find(name string) (own.Link, bool) { return d.config.Links.Named(name) }

// remove deletes a device of ours, or removes a port from our bridge.
func (d *Driver) remove(k object.Key) error {
	var l own.Link
	ours := false
	d.look(func(v cache) {
		l, _ = v.Named(k.Name)
		ours = v.object(k) != nil
	})
	if !ours {
		return nil
	}
	device := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: l.Index, Name: l.Name}}
	if k.Kind == object.KindBridgePort {
		if err := d.handle.LinkSetNoMaster(device); err != nil && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("take it out of its bridge: %w", err)
		}
		d.dropEntries(l.Index)
		return nil
	}
	if err := d.handle.LinkDel(device); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("delete the device: %w", err)
	}
	return nil
}

// dropEntries forgets the static entries of a port that left its bridge, because the kernel removed them.
func (d *Driver) dropEntries(index int) {
	d.feed.Locked(func(bool) { delete(d.entries, index) })
}

// foreign refuses a device with our name that is not ours or is of another kind.
func foreign(l own.Link, kind string) error {
	if _, ours := l.Owner(); !ours {
		return fmt.Errorf("a device of that name is there and is not Weft's (no alias %q): rename or delete it", object.AliasPrefix)
	}
	if l.Kind != kind {
		return fmt.Errorf("a %s of that name is there: delete it", l.Kind)
	}
	return nil
}

// makeVLAN creates a VLAN device or corrects it. If its parent or id must change, the device is made again.
func (d *Driver) makeVLAN(want *object.VLANDevice) error {
	parent, ok := d.find(want.Parent)
	if !ok {
		return fmt.Errorf("device %s does not exist", want.Parent)
	}
	have, exists := d.find(want.Name)
	if exists {
		if err := foreign(have, "vlan"); err != nil {
			return err
		}
		if have.Parent != parent.Index || have.VLAN != want.ID {
			if err := d.handle.LinkDel(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: have.Index}}); err != nil {
				return fmt.Errorf("delete the device of the old VLAN: %w", err)
			}
			exists = false
		}
	}
	if !exists {
		attributes := netlink.NewLinkAttrs()
		attributes.Name, attributes.ParentIndex, attributes.MTU = want.Name, parent.Index, want.MTU
		device := &netlink.Vlan{LinkAttrs: attributes, VlanId: int(want.ID), VlanProtocol: netlink.VLAN_PROTOCOL_8021Q}
		if err := d.handle.LinkAdd(device); err != nil {
			return fmt.Errorf("create VLAN %d on %s: %w", want.ID, want.Parent, err)
		}
		// A failure from here on would leave a device without alias. So the device is deleted again.
		if err := d.finish(device.Index, want.OwnerUID, want.MTU); err != nil {
			return errors.Join(err, d.handle.LinkDel(device))
		}
		return nil
	}
	return d.finish(have.Index, want.OwnerUID, want.MTU)
}

// finish gives a device of ours its alias and MTU, switches off automatic addresses, and sets it up.
func (d *Driver) finish(index int, owner string, mtu int) error {
	device := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: index}}
	if err := d.handle.LinkSetAlias(device, object.AliasPrefix+owner); err != nil {
		return fmt.Errorf("set alias: %w", err)
	}
	if err := d.handle.LinkSetIP6AddrGenMode(device, noAddress); err != nil && !errors.Is(err, unix.EAFNOSUPPORT) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("switch off automatic IPv6 addresses: %w", err) // where IPv6 is off there are none
	}
	if err := d.handle.LinkSetMTU(device, mtu); err != nil {
		return fmt.Errorf("set MTU %d: %w", mtu, err)
	}
	if err := d.handle.LinkSetUp(device); err != nil {
		return fmt.Errorf("set it up: %w", err)
	}
	return nil
}

// makeBridge creates a bridge or corrects it, with all settings in one message.
func (d *Driver) makeBridge(want *object.LinuxBridge) error {
	have, exists := d.find(want.Name)
	index, flags := 0, uint16(own.FlagsMake)
	if exists {
		if err := foreign(have, "bridge"); err != nil {
			return err
		}
		index, flags = have.Index, own.FlagsAct
		if err := d.stopSpanningTree(have); err != nil {
			return err
		}
	}
	r := own.NewRequest(unix.RTM_NEWLINK, flags, own.LinkInfo(unix.AF_UNSPEC, index, 0, 0))
	if !exists {
		r.Text(unix.IFLA_IFNAME, want.Name)
	}
	r.Attr(unix.IFLA_ADDRESS, want.MAC[:]...)
	bridgeInfo(r, func() {
		r.Uint32(nl.IFLA_BR_STP_STATE, 0).Uint32(nl.IFLA_BR_FORWARD_DELAY, 0)
		for _, off := range []uint16{nl.IFLA_BR_VLAN_FILTERING, nl.IFLA_BR_MCAST_SNOOPING, nl.IFLA_BR_NF_CALL_IPTABLES,
			nl.IFLA_BR_NF_CALL_IP6TABLES, nl.IFLA_BR_NF_CALL_ARPTABLES} {
			r.Attr(off, 0)
		}
	})
	if err := d.conn.One(r, nil); err != nil {
		return fmt.Errorf("create the bridge or change its settings: %w", err)
	}
	if err := d.listener.ReadLink(want.Name); err != nil {
		return err
	}
	have, ok := d.find(want.Name)
	if !ok {
		return errors.New("the bridge was created and is not there")
	}
	if err := d.finish(have.Index, want.OwnerUID, want.MTU); err != nil {
		if !exists {
			err = errors.Join(err, d.handle.LinkDel(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: have.Index}}))
		}
		return err
	}
	return nil
}

// bridgeInfo appends a bridge's IFLA_LINKINFO with the settings that fill appends.
func bridgeInfo(r *own.Request, fill func()) {
	r.Nest(unix.IFLA_LINKINFO, nil, func() {
		r.Text(nl.IFLA_INFO_KIND, "bridge")
		r.Nest(nl.IFLA_INFO_DATA, nil, fill)
	})
}

// stopSpanningTree must come before all other settings. The kernel applies the delay of a message first, and a bridge that runs
// the protocol may not have a delay of less than two seconds (ERANGE).
func (d *Driver) stopSpanningTree(l own.Link) error {
	if !l.Bridge.SpanningTree {
		return nil
	}
	r := own.NewRequest(unix.RTM_NEWLINK, own.FlagsAct, own.LinkInfo(unix.AF_UNSPEC, l.Index, 0, 0))
	bridgeInfo(r, func() { r.Uint32(nl.IFLA_BR_STP_STATE, 0) })
	if err := d.conn.One(r, nil); err != nil {
		return fmt.Errorf("switch the spanning tree protocol off: %w", err)
	}
	return nil
}

// makePort enslaves a device and sets its port settings. A device in a foreign bridge is left there.
func (d *Driver) makePort(want *object.BridgePort) error {
	l, ok := d.find(want.Device)
	if !ok {
		return errors.New("no such device")
	}
	master, ok := d.find(want.Bridge)
	if !ok {
		return fmt.Errorf("bridge %s does not exist", want.Bridge)
	}
	if err := foreign(master, "bridge"); err != nil {
		return fmt.Errorf("bridge %s: %w", want.Bridge, err)
	}
	device := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: l.Index, Name: l.Name}}
	if l.Master != master.Index {
		if err := d.release(l); err != nil {
			return err
		}
		if err := d.handle.LinkSetMasterByIndex(device, master.Index); err != nil {
			return fmt.Errorf("enslave it to %s: %w", want.Bridge, err)
		}
		d.dropEntries(l.Index)
	}
	if err := d.setPort(l.Index, settingsOf(want)); err != nil {
		return err
	}
	return d.setEntries(l.Index, want.MACs)
}

// release refuses to move a device out of a bridge that is not ours.
func (d *Driver) release(l own.Link) error {
	if l.Master == 0 {
		return nil
	}
	var master own.Link
	d.config.Links.View(func(c own.Cache) { master, _ = c.Link(l.Master) })
	if _, ours := master.Owner(); !ours {
		return fmt.Errorf("it is enslaved to %s, which is not Weft's: take it out of there", master.Name)
	}
	return nil
}

// setPort sets all settings of a port in one message.
func (d *Driver) setPort(index int, s own.PortSettings) error {
	r := own.NewRequest(unix.RTM_SETLINK, own.FlagsAct, own.LinkInfo(unix.AF_BRIDGE, index, 0, 0))
	r.Nest(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil, func() {
		for _, a := range []struct {
			kind uint16
			on   bool
		}{
			{nl.IFLA_BRPORT_LEARNING, s.Learning}, {nl.IFLA_BRPORT_UNICAST_FLOOD, s.Unicast}, {nl.IFLA_BRPORT_MCAST_FLOOD, s.Multicast},
			{nl.IFLA_BRPORT_BCAST_FLOOD, s.Broadcast}, {nl.IFLA_BRPORT_MODE, s.Hairpin}, {nl.IFLA_BRPORT_ISOLATED, s.Isolated},
		} {
			value := byte(0)
			if a.on {
				value = 1
			}
			r.Attr(a.kind, value)
		}
	})
	if err := d.conn.One(r, nil); err != nil {
		return fmt.Errorf("set what the bridge does with it: %w", err)
	}
	return nil
}

// setEntries makes the static entries of a port those desired. It adds new ones first.
func (d *Driver) setEntries(index int, want []object.MAC) error {
	var have []object.MAC
	d.feed.Locked(func(bool) { have = slices.Collect(maps.Keys(d.entries[index])) })
	for _, m := range want {
		// Always set it, because the MAC may have been learned elsewhere meanwhile.
		if err := d.setEntry(entry{index, m}, d.handle.NeighSet, true); err != nil {
			return err
		}
	}
	for _, m := range have {
		if slices.Contains(want, m) {
			continue
		}
		if err := d.setEntry(entry{index, m}, d.handle.NeighDel, false); err != nil {
			return err
		}
	}
	return nil
}

// setEntry adds or removes one entry. The kernel's notification of it is absorbed before anything else is done. Without a
// subscription the entry is noted directly.
func (d *Driver) setEntry(e entry, do func(*netlink.Neigh) error, present bool) error {
	d.feed.Locked(func(bool) { d.mine = &e })
	err := do(&netlink.Neigh{
		LinkIndex: e.index, Family: unix.AF_BRIDGE, State: unix.NUD_NOARP, Flags: unix.NTF_MASTER,
		HardwareAddr: net.HardwareAddr(e.mac[:]),
	})
	done := err == nil || !present && errors.Is(err, unix.ENOENT)
	d.feed.Locked(func(current bool) {
		if d.mine = nil; done && !current {
			d.entries.set(e, present)
		}
	})
	if !done {
		return fmt.Errorf("static entry of %s: %w", e.mac, err)
	}
	return nil
}
