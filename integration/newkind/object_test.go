package newkind

import "weft/hostnet/object"

const kindLamp object.Kind = "lamp"

// lamp is what a host holds of a beacon.
type lamp struct{ owner, socket, color string }

func (l *lamp) Key() object.Key       { return object.Key{Kind: kindLamp, Name: l.socket} }
func (l *lamp) Owner() string         { return l.owner }
func (*lamp) DependsOn() []object.Key { return nil }
func (l *lamp) Diff(o object.Object) []object.Difference {
	have, ok := o.(*lamp)
	switch {
	case !ok:
		return []object.Difference{{Field: "kind"}}
	case have.color != l.color:
		return []object.Difference{{Field: "color", Observed: have.color, Desired: l.color}}
	}
	return nil
}
