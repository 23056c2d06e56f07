package object

// TagFilter keeps frames with a tag of 802.1ad from a NIC that is an uplink of Open vSwitch: OpenFlow has no field for a tag's type,
// and a flow that matches a VLAN id takes either type. It is a BPF program at the device, recognised by its name and content.
type TagFilter struct {
	OwnerUID string
	Device   string
	// Hook is where the program is: before packet sockets hear a frame, or before Open vSwitch's kernel datapath does.
	Hook TagFilterHook
	// Strange is what stands in its place; always desired empty.
	Strange string
	// After lists what must be in place first.
	After []Key
}

// TagFilterHook is a place in the kernel's way of a frame.
type TagFilterHook string

// The hooks. Generic XDP is the only one before packet sockets, by which the userspace datapath reads a NIC; it copies large
// frames that the kernel has put together, so the kernel's datapath has the other.
const (
	TagFilterXDP TagFilterHook = "xdp"
	TagFilterTC  TagFilterHook = "tc"
)

// Key implements Object.
func (f *TagFilter) Key() Key { return Key{KindTagFilter, f.Device} }

// Owner implements Object.
func (f *TagFilter) Owner() string { return f.OwnerUID }

// DependsOn implements Object.
func (f *TagFilter) DependsOn() []Key { return f.After }

// Diff implements Object. The owner is not in the kernel and not compared.
func (f *TagFilter) Diff(observed Object) []Difference {
	o := observed.(*TagFilter)
	var d differ
	d.field("hook", o.Hook, f.Hook)
	d.field("strange", o.Strange, f.Strange)
	return d
}

// Protects implements Protector.
func (f *TagFilter) Protects(Object) bool { return true }
