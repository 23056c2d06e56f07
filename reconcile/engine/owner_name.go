package engine

import (
	"strings"

	"weft/hostnet/object"
	"weft/model/desired"
)

// ownerName is the name of an object's item as people know it, because uids and the cookies of flow sets mean nothing to them.
func (e *Engine) ownerName(c object.Change) string {
	o, name := c.Desired, ""
	if o == nil {
		o = c.Observed
	}
	switch st := e.items.objects[c.Key()]; {
	case st != nil:
		name = e.title(st.item)
	case e.items.leaving[c.Key()].uid != "":
		name = e.items.leaving[c.Key()].title
	default: // no item of this process has it
		name = o.Owner()
	}
	if f, ok := o.(*object.FlowSet); ok && f.Feature != "" {
		feature, network, _ := strings.Cut(f.Feature, "/")
		if n := e.config.applied.Network(network); n != nil {
			feature += " on " + n.Title()
		}
		name += " (" + feature + ")"
	}
	return name
}

// title is the name of an item for people; its uid where it has no name.
func (e *Engine) title(k desired.Key) string {
	switch i := e.config.applied.Item(k).(type) {
	case desired.Titled:
		return i.Title()
	case *desired.Neighbors:
		return "neighbors of " + e.title(desired.Key{Kind: desired.KindNetwork, UID: i.Network})
	}
	return string(k.Kind) + " " + k.UID
}
