package object

// Protector is an object that keeps guests from harm, or others from guests. When somebody changes it again and again, its
// repair does not wait as that of other objects does. It is a method of the object, so no list of kinds stands anywhere.
type Protector interface {
	// Protects says whether what the host has instead can let something pass that must not. observed has the same key and is
	// nil when the host has nothing. It is called on the desired object.
	Protects(observed Object) bool
}

// Protects says whether the change restores protection.
func (c Change) Protects() bool {
	p, ok := c.Desired.(Protector)
	return ok && p.Protects(c.Observed)
}

// Protects implements Protector: every set says what may be said or where it may go.
func (f *FlowSet) Protects(Object) bool { return true }

// Protects implements Protector. A bridge that is not there carries nothing; one that stands may forward by itself, obey a
// controller or hide what is in fragments.
func (b *Bridge) Protects(observed Object) bool { return observed != nil }

// Protects implements Protector: without the rules everything passes.
func (g *Guard) Protects(Object) bool { return true }

// Protects implements Protector: elements that are missing or too many decide what passes.
func (g *GuardMembers) Protects(Object) bool { return true }

// Protects implements Protector: without the rules what is not translated leaves as it is.
func (n *NATTable) Protects(Object) bool { return true }

// Protects implements Protector. A port that learns, or to which frames for others are flooded, hears what is not for it; one in
// another bridge, or in none, hears and says nothing in ours.
func (p *BridgePort) Protects(observed Object) bool {
	o, there := observed.(*BridgePort)
	return there && o.Bridge == p.Bridge
}

// Protects implements Protector. A device with another id or parent joins the network to somebody else's segment.
func (v *VLANDevice) Protects(observed Object) bool {
	o, there := observed.(*VLANDevice)
	return there && (o.Parent != v.Parent || o.ID != v.ID)
}
