package object

// GuardUplink is what keeps frames with a priority tag before another tag from a NIC of a bridge host: the kernel takes the
// priority tag off and gives the rest to the VLAN device of the other's id (net/core/dev.c). It is a chain of the nftables table
// "weft" of family netdev, for the bridge's chains see neither tag.
type GuardUplink struct {
	OwnerUID string
	Device   string
	// Rules is what is wrong with the chain; the compiler leaves it empty.
	Rules string
}

// Key implements Object.
func (g *GuardUplink) Key() Key { return Key{KindGuardUplink, g.Device} }

// Owner implements Object.
func (g *GuardUplink) Owner() string { return g.OwnerUID }

// DependsOn implements Object.
func (g *GuardUplink) DependsOn() []Key { return nil }

// Diff implements Object. The owner is not in the kernel and not compared.
func (g *GuardUplink) Diff(observed Object) []Difference {
	var d differ
	d.field("rules", observed.(*GuardUplink).Rules, g.Rules)
	return d
}

// Protects implements Protector.
func (g *GuardUplink) Protects(Object) bool { return true }
