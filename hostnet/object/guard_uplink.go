package object

// GuardUplink drops frames on a NIC of a bridge host that have a priority tag before another tag. The kernel would remove the
// priority tag and give the frame to the VLAN device of the second tag (net/core/dev.c). GuardUplink is a chain of the nftables
// table "weft" of family netdev, because the bridge's chains see neither tag.
type GuardUplink struct {
	OwnerUID string
	Device   string
	// Rules says what is wrong with the chain. It is always desired "".
	Rules string
}

// Key implements Object.
func (g *GuardUplink) Key() Key { return Key{KindGuardUplink, g.Device} }

// Owner implements Object.
func (g *GuardUplink) Owner() string { return g.OwnerUID }

// DependsOn implements Object.
func (g *GuardUplink) DependsOn() []Key { return nil }

// Diff implements Object. The owner is not in the kernel and is not compared.
func (g *GuardUplink) Diff(observed Object) []Difference {
	var d differ
	d.field("rules", observed.(*GuardUplink).Rules, g.Rules)
	return d
}

// Protects implements Protector.
func (g *GuardUplink) Protects(Object) bool { return true }
