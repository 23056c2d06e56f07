package claim

import (
	"weft/etcdschema"
)

// Condition is what an intent object is after its evaluation: its phase and the reasons for it.
type Condition struct {
	Phase   etcdschema.Phase
	Reasons []etcdschema.Reason
}

func (c *Condition) invalid(field, message string) { c.add(etcdschema.PhaseInvalid, field, message) }

// Pending adds what the object waits for. field is a path in the object, or empty.
func (c *Condition) Pending(field, message string) { c.add(etcdschema.PhasePending, field, message) }

// add adds a reason and keeps the worst phase: an invalid object does not become pending.
func (c *Condition) add(phase etcdschema.Phase, field, message string) {
	c.Reasons = append(c.Reasons, etcdschema.Reason{Field: field, Message: message})
	if c.Phase != etcdschema.PhaseInvalid {
		c.Phase = phase
	}
}

// Good says that there is no reason against the object.
func (c *Condition) Good() bool { return len(c.Reasons) == 0 }
