package object

// AliasPrefix begins the alias (IFLA_IFALIAS) of a bridge or VLAN device that Weft made. The owner's uid follows. Only the alias
// says whose a device is, because other devices may have similar names.
const AliasPrefix = "weft:"

// BridgePrefix and VLANPrefix begin the names of the kernel bridges and VLAN devices that Weft makes. 12 hexadecimal digits of
// the network follow.
const (
	BridgePrefix = "wfb"
	VLANPrefix   = "wfv"
)

// VLANDevice is a VLAN sub-interface (802.1Q) of a NIC, recognised by its alias. It is up and has no addresses, not even
// link-local ones. It may only be a port of a bridge of ours. The NIC and its addresses are left alone.
type VLANDevice struct {
	OwnerUID string
	Name     string
	Parent   string
	ID       uint16 // 1 to 4094
	MTU      int    // bytes; at most the parent's
	Down     bool   // always desired false
	// After lists what must exist first: the parent's MTU.
	After []Key
}

// LinuxBridge is a bridge of the kernel, recognised by its alias. All our bridges have these settings: STP off, forward delay 0,
// no VLAN filtering, no multicast snooping (a group frame goes to all ports), no addresses, up.
type LinuxBridge struct {
	OwnerUID string
	Name     string
	MAC      MAC // fixed; otherwise it would be the MAC of a port and change with the ports
	MTU      int // bytes
	// Strange names the settings that differ from those of all our bridges. It is always desired empty.
	Strange []string
	// After lists what must exist first: the rules that protect it.
	After []Key
}

// BridgePort is a device as a port of a bridge of ours. A port with MACs is a guest's: frames for these MACs go to it, the bridge
// learns nothing from it, and frames for unknown MACs do not reach it. A port without MACs is the uplink, where the bridge learns.
// If Mute is set, it is a guest that must not be heard, and it gets no flooded frames.
type BridgePort struct {
	OwnerUID string
	Device   string
	Bridge   string
	MACs     []MAC // in order
	Mute     bool
	// Learns says that the bridge learns from a guest, because it may have MACs that other guests may have too. Port security lets it send
	// from no others.
	Learns bool
	// Strange says that a setting differs from that of such a port. It is always desired false.
	Strange bool
	// After lists what must exist before the device is enslaved: its protection.
	After []Key
}

// Key implements Object.
func (v *VLANDevice) Key() Key { return Key{KindVLANDevice, v.Name} }

// Owner implements Object.
func (v *VLANDevice) Owner() string { return v.OwnerUID }

// DependsOn implements Object.
func (v *VLANDevice) DependsOn() []Key { return v.After }

// Diff implements Object.
func (v *VLANDevice) Diff(observed Object) []Difference {
	o := observed.(*VLANDevice)
	var d differ
	d.field("owner", o.OwnerUID, v.OwnerUID)
	d.field("parent", o.Parent, v.Parent)
	d.field("id", o.ID, v.ID)
	d.field("mtu", o.MTU, v.MTU)
	d.field("down", o.Down, v.Down)
	return d
}

// Key implements Object.
func (b *LinuxBridge) Key() Key { return Key{KindLinuxBridge, b.Name} }

// Owner implements Object.
func (b *LinuxBridge) Owner() string { return b.OwnerUID }

// DependsOn implements Object.
func (b *LinuxBridge) DependsOn() []Key { return b.After }

// Diff implements Object.
func (b *LinuxBridge) Diff(observed Object) []Difference {
	o := observed.(*LinuxBridge)
	var d differ
	d.field("owner", o.OwnerUID, b.OwnerUID)
	d.field("mac", o.MAC, b.MAC)
	d.field("mtu", o.MTU, b.MTU)
	d.set("strange", o.Strange, b.Strange)
	return d
}

// Key implements Object.
func (p *BridgePort) Key() Key { return Key{KindBridgePort, p.Device} }

// Owner implements Object.
func (p *BridgePort) Owner() string { return p.OwnerUID }

// Netdev implements OnDevice.
func (p *BridgePort) Netdev() string { return p.Device }

// DependsOn implements Object.
func (p *BridgePort) DependsOn() []Key {
	return append([]Key{{KindLinuxBridge, p.Bridge}}, p.After...)
}

// Diff implements Object. The owner is not in the kernel and is not compared.
func (p *BridgePort) Diff(observed Object) []Difference {
	o := observed.(*BridgePort)
	var d differ
	d.field("bridge", o.Bridge, p.Bridge)
	d.set("macs", texts(o.MACs), texts(p.MACs))
	d.field("mute", o.Mute, p.Mute)
	d.field("learns", o.Learns, p.Learns)
	d.field("other settings", o.Strange, p.Strange)
	return d
}
