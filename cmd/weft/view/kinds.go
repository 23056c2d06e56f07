package view

import "weft/model"

// Kinds lists every kind, in the order of model.Kinds.
func Kinds() []Kind {
	return []Kind{project(), securityGroup(), physicalNetwork(), host(), network(), addressPool(), router(), port(), floatingIP()}
}

// Of finds a kind. A kind that this version does not know has nothing of its own.
func Of(kind model.Kind) Kind {
	for _, k := range Kinds() {
		if k.Of == kind {
			return k
		}
	}
	return Kind{Of: kind}
}
