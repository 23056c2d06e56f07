package main

import (
	"fmt"

	"weft/etcdschema"
	"weft/model"
)

// goal says whether an entry has reached the state. An err ends the wait, because the entry will not reach it by itself.
type goal func(e entry) (reached bool, err error)

func goals() map[string]goal {
	return map[string]goal{"accepted": isAccepted, "programmed": isProgrammed, "deleted": isDeleted}
}

func (e entry) reachedWord() string {
	if e.raw == nil {
		return "deleted"
	}
	if p := e.programmed(); p != "" {
		return "accepted, programmed " + p
	}
	return e.phase()
}

// why says what keeps an object from being programmed.
func (e entry) why() string {
	switch {
	case e.status.Phase == "":
		return e.id.String() + ": no controller has looked at it: is weft-controller running?"
	case e.status.IntentRevision < e.revision:
		return e.id.String() + ": no controller has looked at its newest intent yet"
	case len(e.status.Reasons) > 0:
		return fmt.Sprintf("%s: %s: %s", e.id, e.status.Phase, e.firstReason())
	}
	for _, node := range sortedNodes(e.status.Nodes) {
		if n := e.status.Nodes[node]; !n.Programmed {
			reason := n.Reason
			if reason == "" {
				reason = "has not reported yet"
			}
			return fmt.Sprintf("%s: host %s: %s", e.id, node, reason)
		}
	}
	return fmt.Sprintf("%s: %s", e.id, e.phase())
}

// looked says that the status is of the current intent. It fails for an invalid intent, because waiting does not help.
func (e entry) looked() (bool, error) {
	if e.raw == nil || e.status.IntentRevision < e.revision || e.status.Phase == "" {
		return false, nil
	}
	if e.status.Phase == etcdschema.PhaseInvalid {
		return false, fmt.Errorf("%s is invalid: correct it and apply it again", e.why())
	}
	return true, nil
}

func isAccepted(e entry) (bool, error) {
	looked, err := e.looked()
	return looked && e.status.Phase == etcdschema.PhaseAccepted, err
}

// isProgrammed says that every node that holds the object has read it back. A port needs a host for that.
func isProgrammed(e entry) (bool, error) {
	looked, err := e.looked()
	if !looked || err != nil {
		return false, err
	}
	if p, ok := e.object.Spec.(*model.PortSpec); ok {
		if p.Host == "" {
			return false, fmt.Errorf("%s has no host: set spec.host, nothing is programmed before", e.id)
		}
		if _, ok := e.status.Nodes[p.Host]; !ok {
			return false, nil
		}
	}
	for _, n := range e.status.Nodes {
		if !n.Programmed {
			return false, nil
		}
	}
	return e.status.Phase == etcdschema.PhaseAccepted, nil
}

func isDeleted(e entry) (bool, error) { return e.raw == nil && e.status.Phase == "", nil }
