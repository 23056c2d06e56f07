package view

import (
	"fmt"
	"maps"
	"slices"

	"weft/etcdschema"
	"weft/model"
)

// Entry is one object with what the controllers say of it.
type Entry struct {
	ID       model.ID
	Object   model.Object // its spec is nil when the intent is not valid or not there
	Raw      []byte       // the intent as it is in etcd; nil when there is none
	Revision int64        // of the intent
	Status   etcdschema.Status
	Invalid  error // why the intent cannot be decoded
}

// SetIntent takes the intent from etcd.
func (e *Entry) SetIntent(i etcdschema.Item) {
	e.Raw, e.Revision = append([]byte{}, i.Value...), i.ModRevision // an empty value exists, and is invalid
	e.Object, e.Invalid = model.DecodeIntent(e.ID, i.Value)
}

// SetStatus takes the status from etcd. A status that cannot be decoded counts as missing. It is only shown, and nothing is decided by it.
func (e *Entry) SetStatus(i etcdschema.Item) {
	e.Status, _ = etcdschema.DecodeStatus(i.Value)
}

// Phase is the status in one word. A status of an older intent does not count.
func (e Entry) Phase() string {
	switch {
	case e.Raw == nil:
		return "Deleting"
	case e.Status.Phase == "":
		return "Waiting"
	case e.Status.IntentRevision < e.Revision:
		return string(e.Status.Phase) + " (older)"
	}
	return string(e.Status.Phase)
}

// Nodes lists the nodes that hold the object, in the order of their names.
func (e Entry) Nodes() []string { return slices.Sorted(maps.Keys(e.Status.Nodes)) }

// Programmed is "2/3" if two of the object's three nodes have programmed it; empty without nodes.
func (e Entry) Programmed() string {
	done := 0
	for _, n := range e.Status.Nodes {
		if n.Programmed {
			done++
		}
	}
	if len(e.Status.Nodes) == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", done, len(e.Status.Nodes))
}

// Reason is the first of the status's reasons; empty when there is none.
func (e Entry) Reason() string { return FirstReason(e.Status) }

// FirstReason is the first of a status's reasons, with its field; empty when there is none.
func FirstReason(s etcdschema.Status) string {
	if len(s.Reasons) == 0 {
		return ""
	}
	return ReasonText(s.Reasons[0])
}

// ReasonText is a reason with its field: "spec.network: there is no such network".
func ReasonText(r etcdschema.Reason) string {
	if r.Field == "" {
		return r.Message
	}
	return r.Field + ": " + r.Message
}
