package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// setQdisc sets the limits of a device and removes what somebody else attached. A limit that is there already is changed in place.
func (d *Driver) setQdisc(l own.Link, have qdiscState, want *object.Qdisc) error {
	if err := qdiscFault(want); err != nil {
		return err
	}
	return errors.Join(d.setShaper(l, have, want), d.setPolicers(l, have, want))
}

// qdiscFault refuses what this driver cannot make.
func qdiscFault(want *object.Qdisc) error {
	root, ingress := "", ""
	if want.Shaper != (object.Shaper{}) {
		root = object.QdiscTBF
	}
	if want.FromGuest.Exists() || want.ToGuest.Exists() {
		ingress = object.QdiscClsact
	}
	if want.Root != root || want.Ingress != ingress || want.Filters != "" {
		return fmt.Errorf("qdisc %s: root %q, ingress %q: expected %q and %q for its limits", want.Device, want.Root, want.Ingress, root, ingress)
	}
	if want.ToGuest.Rate != 0 {
		return fmt.Errorf("qdisc %s: bytes to the guest are for the shaper to limit", want.Device)
	}
	for _, rate := range []uint64{want.Shaper.Rate, want.FromGuest.Rate} {
		if rate > 0xffffffff {
			return fmt.Errorf("qdisc %s: %d bytes a second are more than the kernel takes", want.Device, rate)
		}
	}
	return nil
}

// setShaper replaces the root qdisc. One of the same kind is changed in place and keeps what waits in it.
func (d *Driver) setShaper(l own.Link, have qdiscState, want *object.Qdisc) error {
	if want.Root == "" {
		return d.deleteQdisc(l, hookRoot, have.root)
	}
	if have.root != "" && have.root != object.QdiscTBF { // another kind, or another form of it
		if err := d.deleteQdisc(l, hookRoot, have.root); err != nil {
			return err
		}
	} else if have.root == want.Root && have.shaper == want.Shaper {
		return nil
	}
	if err := d.conn.One(shaperRequest(l.Index, want.Shaper), nil); err != nil {
		return fmt.Errorf("qdisc %s: set the shaper: %w", l.Name, err)
	}
	return nil
}

// linkEthernet says that sizes are those of Ethernet frames (TC_LINKLAYER_ETHERNET).
const linkEthernet = 1

func shaperRequest(index int, s object.Shaper) *own.Request {
	parms := make([]byte, tbfParmsLen)
	parms[1] = linkEthernet
	ne := binary.NativeEndian
	ne.PutUint32(parms[ratespecRate:], uint32(s.Rate))
	ne.PutUint32(parms[tbfLimit:], s.Limit)
	ne.PutUint32(parms[tbfBuffer:], uint32(s.Burst/object.PSchedTick))
	r := own.NewRequest(unix.RTM_NEWQDISC, own.FlagsReplace, tcHeader(index, 0, hookRoot, 0)).Text(nl.TCA_KIND, object.QdiscTBF)
	return r.Nest(nl.TCA_OPTIONS, nil, func() { r.Attr(tbfParms, parms...) })
}

// setPolicers sets the filters of a device. Foreign filters go with their qdisc, because they may run before Weft's.
func (d *Driver) setPolicers(l own.Link, have qdiscState, want *object.Qdisc) error {
	if have.ingress != want.Ingress || have.strange != "" {
		if err := d.deleteQdisc(l, hookIngress, have.ingress); err != nil {
			return err
		}
		have.ingress, have.filterState = "", filterState{}
	}
	if want.Ingress == "" {
		return nil
	}
	if have.ingress == "" {
		r := own.NewRequest(unix.RTM_NEWQDISC, own.FlagsMake, tcHeader(l.Index, uint32(hookIngress)&^0xffff, hookIngress, 0)).Text(nl.TCA_KIND, want.Ingress)
		if err := d.conn.One(r, nil); err != nil {
			return fmt.Errorf("qdisc %s: add %s: %w", l.Name, want.Ingress, err)
		}
	}
	return errors.Join(d.setPolicer(l, hookFromGuest, have.fromGuest, want.FromGuest), d.setPolicer(l, hookToGuest, have.toGuest, want.ToGuest))
}

// setPolicer replaces the filter on a hook in one step, or removes it.
func (d *Driver) setPolicer(l own.Link, hook qdiscHook, have, want object.Policer) error {
	switch {
	case have == want:
		return nil
	case !want.Exists():
		err := d.conn.One(own.NewRequest(unix.RTM_DELTFILTER, own.FlagsAct, tcHeader(l.Index, filterHandle, hook, filterInfo())).Text(nl.TCA_KIND, filterKind), nil)
		if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("qdisc %s: remove a policer: %w", l.Name, err)
		}
		return nil
	}
	if err := d.conn.One(policerRequest(l.Index, hook, want), nil); err != nil {
		return fmt.Errorf("qdisc %s: set a policer (needs the kernel's modules cls_basic and act_police): %w", l.Name, err)
	}
	return nil
}

// policerRequest is a filter for all packets with one or two actions: a policer of bytes and one of packets.
func policerRequest(index int, hook qdiscHook, p object.Policer) *own.Request {
	r := own.NewRequest(unix.RTM_NEWTFILTER, own.FlagsReplace, tcHeader(index, filterHandle, hook, filterInfo())).Grow(2048).Text(nl.TCA_KIND, filterKind)
	return r.Nest(nl.TCA_OPTIONS, nil, func() {
		r.Nest(basicActions, nil, func() {
			order := uint16(0)
			if p.Rate != 0 {
				order++
				appendPolice(r, order, p.Rate, uint32(p.Burst/object.PSchedTick), nil)
			}
			if p.Packets != 0 {
				order++
				appendPolice(r, order, 0, 0, &p)
			}
		})
	})
}

// appendPolice appends one policer, of bytes or of packets. The kernel demands a table of a rate and does not read it (act_police.c).
func appendPolice(r *own.Request, order uint16, rate uint64, burst uint32, packets *object.Policer) {
	ne := binary.NativeEndian
	parms := make([]byte, policeLen)
	ne.PutUint32(parms[policeExceed:], actionShot)
	ne.PutUint32(parms[policeMTU:], anyMTU)
	if rate != 0 {
		parms[policeRate], parms[policeRate+1] = 1, linkEthernet // the first is the table's cell size, which must not be 0
		ne.PutUint16(parms[policeRate+ratespecOverhead:], etherHeader)
		ne.PutUint32(parms[policeRate+ratespecRate:], uint32(rate))
		ne.PutUint32(parms[policeBurst:], burst)
	}
	const tableLen = 1024 // TC_RTAB_SIZE
	r.Nest(order, nil, func() {
		r.Text(actionKind, "police")
		r.Nest(actionOptions, nil, func() {
			r.Attr(policeParms, parms...)
			if rate != 0 {
				r.Attr(policeRateTable, make([]byte, tableLen)...)
			}
			r.Uint32(policeResult, actionPipe)
			if packets != nil {
				r.Attr(policePacketRate, ne.AppendUint64(nil, packets.Packets)...)
				r.Attr(policePacketBurst, ne.AppendUint64(nil, uint64(packets.PacketBurst/object.PSchedTick))...)
			}
		})
	})
}

func (d *Driver) deleteQdisc(l own.Link, hook qdiscHook, kind string) error {
	if kind == "" {
		return nil
	}
	err := d.conn.One(own.NewRequest(unix.RTM_DELQDISC, own.FlagsAct, tcHeader(l.Index, 0, hook, 0)), nil)
	// Somebody else may have removed or replaced it meanwhile. The cache is read back after this and shows that.
	if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("qdisc %s: remove %s: %w", l.Name, kind, err)
	}
	return nil
}
