package main

import (
	"errors"
	"fmt"

	"weft/cmd/weft/view"
	"weft/etcdschema"
)

// goal says whether an entry has reached the state. An err ends the wait, because the entry will not reach it by itself.
type goal func(e view.Entry) (reached bool, err error)

// errReached ends following.
var errReached = errors.New("reached")

// goals are the states in which objects of the kind can be waited for.
func goals(kind view.Kind) map[string]goal {
	return map[string]goal{"accepted": isAccepted, "programmed": isProgrammed(kind), "deleted": isDeleted}
}

// reachedWord says what the object is, in the words in which a person waits for it.
func reachedWord(e view.Entry) string {
	if e.Raw == nil {
		return "deleted"
	}
	if p := e.Programmed(); p != "" {
		return "accepted, programmed " + p
	}
	return e.Phase()
}

// why says what keeps an object from being programmed.
func why(e view.Entry) string {
	switch {
	case e.Status.Phase == "":
		return e.ID.String() + ": no controller has looked at it: is weft-controller running?"
	case e.Status.IntentRevision < e.Revision:
		return e.ID.String() + ": no controller has looked at its newest intent yet"
	case len(e.Status.Reasons) > 0:
		return fmt.Sprintf("%s: %s: %s", e.ID, e.Status.Phase, e.Reason())
	}
	for _, node := range e.Nodes() {
		if n := e.Status.Nodes[node]; !n.Programmed {
			reason := n.Reason
			if reason == "" {
				reason = "has not reported yet"
			}
			return fmt.Sprintf("%s: host %s: %s", e.ID, node, reason)
		}
	}
	return fmt.Sprintf("%s: %s", e.ID, e.Phase())
}

// looked says that the status is of the current intent. It fails for an invalid intent, because waiting does not help.
func looked(e view.Entry) (bool, error) {
	if e.Raw == nil || e.Status.IntentRevision < e.Revision || e.Status.Phase == "" {
		return false, nil
	}
	if e.Status.Phase == etcdschema.PhaseInvalid {
		return false, fmt.Errorf("%s is invalid: correct it and apply it again", why(e))
	}
	return true, nil
}

func isAccepted(e view.Entry) (bool, error) {
	looked, err := looked(e)
	return looked && e.Status.Phase == etcdschema.PhaseAccepted, err
}

// isProgrammed says that every node that holds the object has read it back, and that the object is where it is declared to be.
func isProgrammed(kind view.Kind) goal {
	return func(e view.Entry) (bool, error) {
		looked, err := looked(e)
		if !looked || err != nil {
			return false, err
		}
		if kind.Placed != nil {
			if placed, err := kind.Placed(e); !placed || err != nil {
				return false, err
			}
		}
		for _, n := range e.Status.Nodes {
			if !n.Programmed {
				return false, nil
			}
		}
		return e.Status.Phase == etcdschema.PhaseAccepted, nil
	}
}

func isDeleted(e view.Entry) (bool, error) { return e.Raw == nil && e.Status.Phase == "", nil }
