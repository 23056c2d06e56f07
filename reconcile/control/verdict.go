package control

import (
	"errors"

	"weft/etcdschema"
	"weft/model"
)

// verdict is the result of evaluating an intent object: its phase and the reasons.
type verdict struct {
	phase   etcdschema.Phase
	reasons []etcdschema.Reason
}

func (v *verdict) invalid(field, message string) { v.add(etcdschema.PhaseInvalid, field, message) }
func (v *verdict) pending(field, message string) { v.add(etcdschema.PhasePending, field, message) }

// add adds a reason and keeps the worst phase: an invalid object does not become pending.
func (v *verdict) add(phase etcdschema.Phase, field, message string) {
	v.reasons = append(v.reasons, etcdschema.Reason{Field: field, Message: message})
	if v.phase != etcdschema.PhaseInvalid {
		v.phase = phase
	}
}

func (v *verdict) good() bool { return len(v.reasons) == 0 }

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
