package desired

import (
	"weft/model"
)

// KindFloatingIP is a floating address.
const KindFloatingIP Kind = "floatingip"

// FloatingIPKind is the row of the kind in AllKinds.
func FloatingIPKind() ItemKind {
	return ItemKind{Kind: KindFloatingIP, New: func() Item { return &FloatingIP{} }}
}

// FloatingIP is one floating address. It is on the node of the guest that it leads to, or on all nodes of the guest's centralized
// router.
type FloatingIP struct {
	UID     string        `json:"uid"`
	Project string        `json:"project"`
	Name    string        `json:"name"`
	Network string        `json:"network"` // uid of the external Network in the same node config
	Address model.Address `json:"address"`
	// Router and Port are the uids of the router and the port. Fixed is the port's address to and from which all traffic is
	// translated. They are empty when there are Forwards.
	Router string        `json:"router,omitempty"`
	Port   string        `json:"port,omitempty"`
	Fixed  model.Address `json:"fixed,omitzero"`
	// Forwards translate single ports instead. All forwards of one floating address lead to ports of this node, or through one
	// centralized router.
	Forwards []Forward `json:"forwards,omitempty"`
	// Limits bound what passes the address. A node that gets some has FeatureRouterLimits.
	Limits RateLimits `json:"limits,omitzero"`
}

// Forward forwards the ports First to Last of the floating address to as many ports, from ToFirst on, of a guest's address.
type Forward struct {
	Protocol string        `json:"protocol"` // "tcp" or "udp"
	First    uint16        `json:"first"`
	Last     uint16        `json:"last"`
	Router   string        `json:"router"` // uid
	Port     string        `json:"port"`   // uid
	To       model.Address `json:"to"`
	ToFirst  uint16        `json:"toFirst"`
}

// Key implements Item.
func (f *FloatingIP) Key() Key { return Key{KindFloatingIP, f.UID} }

// Title implements Titled.
func (f *FloatingIP) Title() string { return "FloatingIP " + f.Project + "/" + f.Name }

// FloatingIP finds a floating address; nil when there is none.
func (c *NodeConfig) FloatingIP(uid string) *FloatingIP {
	return find[*FloatingIP](c, Key{KindFloatingIP, uid})
}
