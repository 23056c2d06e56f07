package object

// TagFilter keeps frames with an 802.1ad tag from a NIC that is an uplink of Open vSwitch. OpenFlow has no field for a tag's
// type, and a flow that matches a VLAN id matches both types. TagFilter is a BPF program on the device, recognised by its name
// and content.
type TagFilter struct {
	OwnerUID string
	Device   string
	// Hook is where the program runs: before packet sockets receive a frame, or before Open vSwitch's kernel datapath does.
	Hook TagFilterHook
	// Strange is what is in its place. It is always desired empty.
	Strange string
	// After lists what must exist first.
	After []Key
}

// TagFilterHook is a place on a frame's way through the kernel.
type TagFilterHook string

// The hooks. Generic XDP is the only one before packet sockets, by which the userspace datapath reads a NIC. It copies large
// frames that the kernel has joined, so the kernel's datapath uses the other hook.
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

// Diff implements Object. The owner is not in the kernel and is not compared.
func (f *TagFilter) Diff(observed Object) []Difference {
	o := observed.(*TagFilter)
	var d differ
	d.field("hook", o.Hook, f.Hook)
	d.field("strange", o.Strange, f.Strange)
	return d
}

// Protects implements Protector.
func (f *TagFilter) Protects(Object) bool { return true }
