package report

import (
	"slices"

	"weft/etcdschema"
	"weft/model/desired"
)

// Awaited says that somebody waits until the node has processed the events: one of them is an order, or an item whose progress is shown to
// people. A head belongs to the items that are written with it.
func Awaited(kinds desired.Kinds, events []etcdschema.Event) bool {
	return slices.ContainsFunc(events, func(e etcdschema.Event) bool {
		_, k, head, ok := etcdschema.ParseDesired(e.Key)
		return !ok || !head && !kinds.Unawaited(k.Kind)
	})
}
