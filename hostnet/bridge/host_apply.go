package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// noAddress is IN6_ADDR_GEN_MODE_NONE: no link-local address by itself (linux/if_link.h).
const noAddress = 1

// Apply makes the changes one by one, in their order, and reads each device back.
func (d *Driver) Apply(ctx context.Context, changes []object.Change) []error {
	errs := make([]error, len(changes))
	for i, c := range changes {
		if err := ctx.Err(); err != nil {
			errs[i] = fmt.Errorf("%s: %w", c.Key(), err)
			continue
		}
		if err := errors.Join(d.apply(c), d.readLink(c.Key().Name)); err != nil {
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

func (d *Driver) find(name string) (link, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.view.find(name)
}

// remove deletes a device of ours, or takes a port out of our bridge.
func (d *Driver) remove(k object.Key) error {
	d.mu.Lock()
	l, ok := d.view.find(k.Name)
	ours := ok && d.view.object(k) != nil
	d.mu.Unlock()
	if !ours {
		return nil
	}
	device := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: l.index, Name: l.name}}
	if k.Kind == object.KindBridgePort {
		if err := d.handle.LinkSetNoMaster(device); err != nil && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("take it out of its bridge: %w", err)
		}
		d.dropEntries(l.index)
		return nil
	}
	if err := d.handle.LinkDel(device); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("delete the device: %w", err)
	}
	return nil
}

// dropEntries forgets the static entries of a port that left its bridge: the kernel did.
func (d *Driver) dropEntries(index int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.view.entries, index)
}

// foreign refuses a device of our name that is not ours, or of another kind.
func foreign(l link, kind string) error {
	if _, ours := l.owner(); !ours {
		return fmt.Errorf("a device of that name is there and is not Weft's (no alias %q): rename or delete it", object.AliasPrefix)
	}
	if l.kind != kind {
		return fmt.Errorf("a %s of that name is there: delete it", l.kind)
	}
	return nil
}

// makeVLAN creates a VLAN device or sets it right. What cannot be changed (parent, id) is made anew.
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
		if have.parent != parent.index || have.vlanID != want.ID {
			if err := d.handle.LinkDel(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: have.index}}); err != nil {
				return fmt.Errorf("delete the device of the old VLAN: %w", err)
			}
			exists = false
		}
	}
	if !exists {
		attributes := netlink.NewLinkAttrs()
		attributes.Name, attributes.ParentIndex, attributes.MTU = want.Name, parent.index, want.MTU
		device := &netlink.Vlan{LinkAttrs: attributes, VlanId: int(want.ID), VlanProtocol: netlink.VLAN_PROTOCOL_8021Q}
		if err := d.handle.LinkAdd(device); err != nil {
			return fmt.Errorf("create VLAN %d on %s: %w", want.ID, want.Parent, err)
		}
		// A failure from here on leaves a device without alias: it is taken away again.
		if err := d.finish(device.Index, want.OwnerUID, want.MTU); err != nil {
			return errors.Join(err, d.handle.LinkDel(device))
		}
		return nil
	}
	return d.finish(have.index, want.OwnerUID, want.MTU)
}

// finish gives a device of ours its alias, no addresses, its MTU, and brings it up.
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

// makeBridge creates a bridge or sets it right, all settings in one message.
func (d *Driver) makeBridge(want *object.LinuxBridge) error {
	have, exists := d.find(want.Name)
	r := d.request(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	header := nl.NewIfInfomsg(unix.AF_UNSPEC)
	if exists {
		if err := foreign(have, "bridge"); err != nil {
			return err
		}
		header.Index = int32(have.index)
		if err := d.stopSpanningTree(have); err != nil {
			return err
		}
	} else {
		r.Flags |= unix.NLM_F_CREATE | unix.NLM_F_EXCL
	}
	r.AddData(header)
	if !exists {
		r.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(want.Name)))
	}
	r.AddData(nl.NewRtAttr(unix.IFLA_ADDRESS, want.MAC[:]))
	info, data := bridgeInfo()
	data.AddRtAttr(nl.IFLA_BR_STP_STATE, nl.Uint32Attr(0))
	data.AddRtAttr(nl.IFLA_BR_FORWARD_DELAY, nl.Uint32Attr(0))
	for _, off := range []int{nl.IFLA_BR_VLAN_FILTERING, nl.IFLA_BR_MCAST_SNOOPING, nl.IFLA_BR_NF_CALL_IPTABLES,
		nl.IFLA_BR_NF_CALL_IP6TABLES, nl.IFLA_BR_NF_CALL_ARPTABLES} {
		data.AddRtAttr(off, nl.Uint8Attr(0))
	}
	r.AddData(info)
	if _, err := r.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("create the bridge or change its settings: %w", err)
	}
	if err := d.readLink(want.Name); err != nil {
		return err
	}
	have, ok := d.find(want.Name)
	if !ok {
		return errors.New("the bridge was created and is not there")
	}
	if err := d.finish(have.index, want.OwnerUID, want.MTU); err != nil {
		if !exists {
			err = errors.Join(err, d.handle.LinkDel(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: have.index}}))
		}
		return err
	}
	return nil
}

// bridgeInfo is a bridge's IFLA_LINKINFO and, in it, where its settings go.
func bridgeInfo() (info, data *nl.RtAttr) {
	info = nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bridge"))
	return info, info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
}

// stopSpanningTree comes before all other settings: the kernel takes the delay of a message first, and a bridge that runs the
// protocol may have none of less than two seconds (ERANGE).
func (d *Driver) stopSpanningTree(l link) error {
	if !l.bridge.stp {
		return nil
	}
	header := nl.NewIfInfomsg(unix.AF_UNSPEC)
	header.Index = int32(l.index)
	info, data := bridgeInfo()
	data.AddRtAttr(nl.IFLA_BR_STP_STATE, nl.Uint32Attr(0))
	r := d.request(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	r.AddData(header)
	r.AddData(info)
	if _, err := r.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("switch the spanning tree protocol off: %w", err)
	}
	return nil
}

// makePort enslaves a device and sets what the bridge does with it. A device in somebody else's bridge is left there.
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
	device := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: l.index, Name: l.name}}
	if l.master != master.index {
		if err := d.release(l); err != nil {
			return err
		}
		if err := d.handle.LinkSetMasterByIndex(device, master.index); err != nil {
			return fmt.Errorf("enslave it to %s: %w", want.Bridge, err)
		}
		d.dropEntries(l.index)
	}
	if err := d.setPort(l.index, settingsOf(want)); err != nil {
		return err
	}
	return d.setEntries(l.index, want.MACs)
}

// release refuses to take a device out of a bridge that is not ours.
func (d *Driver) release(l link) error {
	if l.master == 0 {
		return nil
	}
	d.mu.Lock()
	master := d.view.links[l.master]
	d.mu.Unlock()
	if _, ours := master.owner(); !ours {
		return fmt.Errorf("it is enslaved to %s, which is not Weft's: take it out of there", master.name)
	}
	return nil
}

// setPort sets all settings of a port in one message.
func (d *Driver) setPort(index int, s portSettings) error {
	r := d.request(unix.RTM_SETLINK, unix.NLM_F_ACK)
	header := nl.NewIfInfomsg(unix.AF_BRIDGE)
	header.Index = int32(index)
	r.AddData(header)
	info := nl.NewRtAttr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
	for _, a := range []struct {
		kind int
		on   bool
	}{
		{nl.IFLA_BRPORT_LEARNING, s.learning}, {nl.IFLA_BRPORT_UNICAST_FLOOD, s.unicast}, {nl.IFLA_BRPORT_MCAST_FLOOD, s.multicast},
		{nl.IFLA_BRPORT_BCAST_FLOOD, s.broadcast}, {nl.IFLA_BRPORT_MODE, s.hairpin}, {nl.IFLA_BRPORT_ISOLATED, s.isolated},
	} {
		value := uint8(0)
		if a.on {
			value = 1
		}
		info.AddRtAttr(a.kind, nl.Uint8Attr(value))
	}
	r.AddData(info)
	if _, err := r.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("set what the bridge does with it: %w", err)
	}
	return nil
}

// setEntries makes the static entries of a port those wanted: new ones first.
func (d *Driver) setEntries(index int, want []object.MAC) error {
	d.mu.Lock()
	have := make([]object.MAC, 0, len(d.view.entries[index]))
	for m := range d.view.entries[index] {
		have = append(have, m)
	}
	d.mu.Unlock()
	for _, m := range want {
		// Always: one that was learnt elsewhere meanwhile would stand in the way.
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

func (d *Driver) setEntry(e entry, do func(*netlink.Neigh) error, present bool) error {
	err := do(&netlink.Neigh{
		LinkIndex: e.index, Family: unix.AF_BRIDGE, State: unix.NUD_NOARP, Flags: unix.NTF_MASTER,
		HardwareAddr: net.HardwareAddr(e.mac[:]),
	})
	if err != nil && (present || !errors.Is(err, unix.ENOENT)) {
		return fmt.Errorf("static entry of %s: %w", e.mac, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.view.setEntry(e, present)
	return nil
}
