package view

import "weft/model"

// cell is the text of a cell as a function of the object's spec. An object without a valid intent has an empty spec.
func cell[T any, S interface {
	*T
	model.Spec
}](text func(s S, e Entry) string) func(Entry) string {
	return func(e Entry) string {
		s, ok := e.Object.Spec.(S)
		if !ok {
			s = new(T)
		}
		return text(s, e)
	}
}
