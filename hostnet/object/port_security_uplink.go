package object

// PortSecurityUplink drops frames on a NIC of a bridge host that have a priority tag before another tag. The kernel would remove the
// priority tag and give the frame to the VLAN device of the second tag (net/core/dev.c). PortSecurityUplink is a chain of the nftables
// table "weft" of family netdev, because the bridge's chains see neither tag.
type PortSecurityUplink struct {
	OwnerUID string
	Device   string
	// Rules says what is wrong with the chain. It is always desired "".
	Rules string
}

// Key implements Object.
func (g *PortSecurityUplink) Key() Key { return Key{KindPortSecurityUplink, g.Device} }

// Owner implements Object.
func (g *PortSecurityUplink) Owner() string { return g.OwnerUID }

// DependsOn implements Object.
func (g *PortSecurityUplink) DependsOn() []Key { return nil }

// Diff implements Object. The owner is not in the kernel and is not compared.
func (g *PortSecurityUplink) Diff(observed Object) []Difference {
	var d differ
	d.field("rules", observed.(*PortSecurityUplink).Rules, g.Rules)
	return d
}

// Protects implements Protector.
func (g *PortSecurityUplink) Protects(Object) bool { return true }
