package control

import (
	"errors"

	"weft/etcdschema"
	"weft/model"
)

// condition is what an intent object is after its evaluation: its phase and the reasons for it.
type condition struct {
	phase   etcdschema.Phase
	reasons []etcdschema.Reason
}

func (c *condition) invalid(field, message string) { c.add(etcdschema.PhaseInvalid, field, message) }
func (c *condition) pending(field, message string) { c.add(etcdschema.PhasePending, field, message) }

// add adds a reason and keeps the worst phase: an invalid object does not become pending.
func (c *condition) add(phase etcdschema.Phase, field, message string) {
	c.reasons = append(c.reasons, etcdschema.Reason{Field: field, Message: message})
	if c.phase != etcdschema.PhaseInvalid {
		c.phase = phase
	}
}

func (c *condition) good() bool { return len(c.reasons) == 0 }

// reasonsOf turns an error of package model into the reasons of a status.
func reasonsOf(err error) []etcdschema.Reason {
	var list model.Errors
	if !errors.As(err, &list) {
		return []etcdschema.Reason{{Message: err.Error()}}
	}
	out := make([]etcdschema.Reason, 0, len(list))
	for _, e := range list {
		out = append(out, etcdschema.Reason{Field: e.Field, Message: e.Message})
	}
	return out
}
