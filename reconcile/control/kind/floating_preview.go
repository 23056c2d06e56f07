package kind

import (
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/partial"
)

// surroundingsOfFloating reads what a floating address's spec looks at.
func surroundingsOfFloating(p *partial.Part, o model.Object) {
	s, project := o.Spec.(*model.FloatingIPSpec), o.Metadata.Project
	prepareNetwork(p, s.NetworkID(project))
	for _, r := range s.References(project) {
		if r.To.Kind == model.KindPort {
			prepareTarget(p, r.To)
		}
	}
}

// prepareFloating reads a floating address and what it leads to.
func prepareFloating(p *partial.Part, id model.ID) {
	p.Objects(id)
	p.OfKind(id.Project, model.KindFloatingIP) // the one that has the guest's address is named
	for _, o := range p.Versions(id) {
		p.RefersTo(o)
		surroundingsOfFloating(p, o)
	}
	if a := p.Cache.Accepted(id); a != nil { // its present nodes, whatever it leads to now
		p.Everywhere(desired.Key{Kind: desired.KindFloatingIP, UID: a.UID})
	}
}

// prepareTarget reads the port that a floating address leads to, as far as the floating address needs it.
func prepareTarget(p *partial.Part, id model.ID) {
	p.Objects(id)
	a := p.Cache.Accepted(id)
	if a == nil {
		return
	}
	p.RefersTo(a.Object)
	s := a.Object.Spec.(*model.PortSpec)
	prepareNetwork(p, s.NetworkID(id.Project))
	p.Node(activeHost(a))
}
