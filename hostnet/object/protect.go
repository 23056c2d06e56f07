package object

// Protector is an object that protects guests from others, or others from guests. If somebody changes it again and again, its
// repair is not delayed as that of other objects is. It is a method of the object, so no list of kinds is needed.
type Protector interface {
	// Protects says whether the host's present state can let something pass that must not. observed has the same key. It is nil
	// if the host has nothing. Protects is called on the desired object.
	Protects(observed Object) bool
}

// Protects says whether the change restores protection.
func (c Change) Protects() bool {
	p, ok := c.Desired.(Protector)
	return ok && p.Protects(c.Observed)
}

// Protects implements Protector. Every flow set decides what may be sent or where it may go.
func (f *FlowSet) Protects(Object) bool { return true }

// Protects implements Protector. A missing bridge carries nothing. An existing one may forward by itself, obey a controller, or
// hide what is in fragments.
func (b *Bridge) Protects(observed Object) bool { return observed != nil }

// Protects implements Protector. Without the rules everything passes.
func (g *PortSecurity) Protects(Object) bool { return true }

// Protects implements Protector. Missing or extra elements change what passes.
func (g *PortSecurityElements) Protects(Object) bool { return true }

// Protects implements Protector. Without the rules packets leave untranslated.
func (n *NATTable) Protects(Object) bool { return true }

// Protects implements Protector. A port that learns, or that gets flooded frames, receives what is not for it. A port in another
// bridge, or in none, neither sends nor receives in ours.
func (p *BridgePort) Protects(observed Object) bool {
	o, there := observed.(*BridgePort)
	return there && o.Bridge == p.Bridge
}

// Protects implements Protector. A device with another id or parent connects the network to a foreign segment.
func (v *VLANDevice) Protects(observed Object) bool {
	o, there := observed.(*VLANDevice)
	return there && (o.Parent != v.Parent || o.ID != v.ID)
}
