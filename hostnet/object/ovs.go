package object

import "slices"

// BridgeProtocols are the OpenFlow versions of all our bridges: 1.0 for the tools' defaults, 1.3 for meters, 1.4 for bundles.
func BridgeProtocols() []string { return []string{"OpenFlow10", "OpenFlow13", "OpenFlow14"} }

// DeadVLAN is the tag of every guest port. Only flows decide. The tag keeps a port mute if NORMAL ever runs.
const DeadVLAN = 4095

// Bridge is an OVS bridge that Weft owns, recognised by external_ids:weft-owner. fail_mode is always secure, and the protocols
// are BridgeProtocols. A foreign bridge with the same name is never touched.
type Bridge struct {
	OwnerUID string
	Name     string
	// DatapathType is "system" or "netdev". It is a host fact, not intent.
	DatapathType string
	FailMode     string
	Protocols    []string
	// Fragments is how the tables see IP fragments (OFPT_SET_CONFIG; ovs-ofctl set-frags, get-frags). It is FragmentsNXMatch. The
	// default mode "normal" hides the ports of first fragments, and so a fragmented DHCP reply. The mode is lost when
	// ovs-vswitchd restarts. An observed "" means "not known" and is no difference.
	Fragments string
	// Settings are the managed keys of other_config (for example "mac-table-size"). Other keys are left alone.
	Settings []Setting
	// LocalConfig names flags that somebody set by OpenFlow on the bridge's own port, as in an Uplink's Config. It is always
	// desired "".
	LocalConfig string
	// Controllers that somebody set on the bridge. It is always desired empty, because a controller would own our tables.
	Controllers []string
	// SpanningTree says that STP or RSTP runs on the bridge. It is always desired false, because it would block ports that the
	// flows send to.
	SpanningTree bool
}

// FragmentsNXMatch makes the ports of first fragments and nw_frag visible.
const FragmentsNXMatch = "nx-match"

// Setting is one key of an OVSDB map column.
type Setting struct{ Key, Value string }

// Uplink is a NIC of the host as a port of the bridge, without a tag.
type Uplink struct {
	OwnerUID        string
	Bridge          string
	Device          string
	PhysicalNetwork string
	// MTURequest is the MTU that somebody asked Open vSwitch to keep on the device. It is always desired 0 (none), because Weft
	// manages the link's MTU, and both would overwrite each other without end.
	MTURequest int
	// Config names the flags that somebody set on the port by OpenFlow ("no-receive,no-forward": ovs-ofctl mod-port). It is
	// always desired "". The flag "down" is not in it, because it follows the link.
	Config string
	// Attachment says what is wrong with the switch's hold on the observed device. It is always desired "".
	Attachment Attachment
}

// Attachment says what is wrong with the switch's hold on the device of one of its ports.
type Attachment string

const (
	// AttachmentLost: the switch has another device open, which had the name before. Somebody has made the device again, as
	// hypervisors do when a guest starts.
	AttachmentLost Attachment = "the switch has not opened this device, but one that had its name before"
	// AttachmentNotPromiscuous: somebody has switched promiscuous mode off. A NIC then passes only its own MAC.
	AttachmentNotPromiscuous Attachment = "the device is not promiscuous, though the switch has opened it"
)

// FieldReplaced is the field of a difference that arises when a device is made again. Nobody changed what is Weft's, so it is no
// drift.
const FieldReplaced = "replaced device"

// attachment compares the attachment. The field of a device that was made again differs from that of one that somebody changed.
func (d *differ) attachment(observed, desired Attachment) {
	name := "promiscuous"
	if observed == AttachmentLost {
		name = FieldReplaced
	}
	d.field(name, observed, desired)
}

// OVSPort is a guest's interface as a port of the bridge.
type OVSPort struct {
	OwnerUID string
	Bridge   string
	Device   string // name of port, interface and netdev
	// Adopted says that somebody else (libvirt, os-vif) created the interface. Weft sets Tag and its own external_ids on it, and
	// never creates or deletes it.
	Adopted     bool
	Tag         uint16
	InterfaceID string // external_ids:iface-id
	MAC         string // external_ids:attached-mac
	MTURequest  int    // as in Uplink: always desired 0
	Config      string // as in Uplink: always desired ""
	// Attachment is as in Uplink: always desired "".
	Attachment Attachment
	// After lists the flow sets that come before the marks and the tag of an adopted port. Flows decide what the port may do, and
	// a port without flows is mute. A port that Weft creates has no After, because its flows need its OpenFlow port number.
	After []Key
}

// FlowSet is all flows of one owner and feature. All of them and no other flows carry Cookie.
type FlowSet struct {
	OwnerUID string
	Bridge   string
	Feature  string // e.g. "bridge", "network", "port"
	Cookie   uint64
	Flows    []Flow // in no order; no two have the same table, priority and match
	// Guest is the MAC of the guest that a port's set lets in. It is not compared.
	Guest MAC
	// After lists objects whose flows must exist first (protection before connectivity).
	After []Key
}

// Key implements Object.
func (b *Bridge) Key() Key { return Key{KindBridge, b.Name} }

// Owner implements Object.
func (b *Bridge) Owner() string { return b.OwnerUID }

// DependsOn implements Object.
func (b *Bridge) DependsOn() []Key { return nil }

// Diff implements Object.
func (b *Bridge) Diff(observed Object) []Difference {
	o := observed.(*Bridge)
	var d differ
	d.field("external_ids:weft-owner", o.OwnerUID, b.OwnerUID)
	d.field("datapath_type", o.DatapathType, b.DatapathType)
	d.field("fail_mode", o.FailMode, b.FailMode)
	d.set("protocols", o.Protocols, b.Protocols)
	if o.Fragments != "" {
		d.field("fragments", o.Fragments, b.Fragments)
	}
	d.set("controller", o.Controllers, b.Controllers)
	d.field("port configuration of "+b.Name, o.LocalConfig, b.LocalConfig)
	d.field("stp_enable, rstp_enable", o.SpanningTree, b.SpanningTree)
	have := map[string]string{}
	for _, s := range o.Settings {
		have[s.Key] = s.Value
	}
	for _, s := range b.Settings {
		d.field("other_config:"+s.Key, have[s.Key], s.Value)
	}
	return d
}

// Key implements Object.
func (u *Uplink) Key() Key { return Key{KindUplink, u.Device} }

// Owner implements Object.
func (u *Uplink) Owner() string { return u.OwnerUID }

// Netdev implements OnDevice.
func (u *Uplink) Netdev() string { return u.Device }

// DependsOn implements Object.
func (u *Uplink) DependsOn() []Key { return []Key{{KindBridge, u.Bridge}} }

// Diff implements Object.
func (u *Uplink) Diff(observed Object) []Difference {
	o := observed.(*Uplink)
	var d differ
	d.field("bridge", o.Bridge, u.Bridge)
	d.field("external_ids:weft-owner", o.OwnerUID, u.OwnerUID)
	d.field("external_ids:weft-physical-network", o.PhysicalNetwork, u.PhysicalNetwork)
	d.field("mtu_request", o.MTURequest, u.MTURequest)
	d.field("port configuration", o.Config, u.Config)
	d.attachment(o.Attachment, u.Attachment)
	return d
}

// Key implements Object.
func (p *OVSPort) Key() Key { return Key{KindOVSPort, p.Device} }

// Owner implements Object.
func (p *OVSPort) Owner() string { return p.OwnerUID }

// Netdev implements OnDevice.
func (p *OVSPort) Netdev() string { return p.Device }

// DependsOn implements Object.
func (p *OVSPort) DependsOn() []Key { return append([]Key{{KindBridge, p.Bridge}}, p.After...) }

// Diff implements Object. Of an adopted port only what Weft sets is compared, because the rest belongs to the one who plugged it.
func (p *OVSPort) Diff(observed Object) []Difference {
	o := observed.(*OVSPort)
	var d differ
	d.field("bridge", o.Bridge, p.Bridge)
	d.field("tag", o.Tag, p.Tag)
	d.field("external_ids:weft-owner", o.OwnerUID, p.OwnerUID)
	d.field("mtu_request", o.MTURequest, p.MTURequest)
	d.field("port configuration", o.Config, p.Config)
	d.attachment(o.Attachment, p.Attachment)
	if p.Adopted {
		return d
	}
	d.field("external_ids:iface-id", o.InterfaceID, p.InterfaceID)
	d.field("external_ids:attached-mac", o.MAC, p.MAC)
	return d
}

// Key implements Object.
func (f *FlowSet) Key() Key { return Key{KindFlowSet, FlowSetName(f.Bridge, f.Cookie)} }

// Owner implements Object.
func (f *FlowSet) Owner() string { return f.OwnerUID }

// DependsOn implements Object.
func (f *FlowSet) DependsOn() []Key { return append([]Key{{KindBridge, f.Bridge}}, f.After...) }

// WithoutMeter is the set without the flows that name the meter: the set itself if there is none. A switch removes these flows with their
// meter.
func (f *FlowSet) WithoutMeter(id uint32) *FlowSet {
	if !slices.ContainsFunc(f.Flows, func(one Flow) bool { return one.MeterOf() == id }) {
		return f
	}
	left := *f
	left.Flows = slices.DeleteFunc(slices.Clone(f.Flows), func(one Flow) bool { return one.MeterOf() == id })
	return &left
}

// Diff implements Object. It lists missing, changed and extra flows.
func (f *FlowSet) Diff(observed Object) []Difference {
	missing, extra := FlowDelta(observed.(*FlowSet).Flows, f.Flows)
	var d differ
	for _, w := range missing {
		d = append(d, Difference{"flow", "", w.String()})
	}
	for _, o := range extra {
		d = append(d, Difference{"flow", o.String(), ""})
	}
	return d
}
