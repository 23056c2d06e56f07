package object

// Link is the managed state of a netdev that somebody else created: a guest's device or an uplink. Weft never creates, renames or
// deletes it.
type Link struct {
	OwnerUID string
	Name     string
	MTU      int // bytes
	Up       bool
	// NoIPv6 says that the host's own stack has no IPv6 on it (net.ipv6.conf.DEVICE.disable_ipv6). If it is not desired, the
	// setting stays as it is.
	NoIPv6 bool
	// After lists what must exist before the link is set up: protection before connectivity.
	After []Key
}

// Key implements Object.
func (l *Link) Key() Key { return Key{KindLink, l.Name} }

// Owner implements Object.
func (l *Link) Owner() string { return l.OwnerUID }

// Netdev implements OnDevice.
func (l *Link) Netdev() string { return l.Name }

// DependsOn implements Object.
func (l *Link) DependsOn() []Key { return l.After }

// Diff implements Object.
func (l *Link) Diff(observed Object) []Difference {
	o := observed.(*Link)
	var d differ
	d.field("mtu", o.MTU, l.MTU)
	d.field("no-ipv6", o.NoIPv6, o.NoIPv6 || l.NoIPv6)
	d.field("up", o.Up, l.Up)
	return d
}
