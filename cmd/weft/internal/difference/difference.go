// Package difference shows what a change of intent would change: objects down to their fields, claims, and what goes to hosts.
//
// Invariants:
//   - It computes nothing of what it shows. The controllers' preview says what changes.
//   - As text, no line is longer than a screen, a long list is told by what was added and removed, and a change that many hosts get is
//     shown once. JSON has everything.
package difference

import (
	"encoding/json"
	"fmt"
	"strings"

	"weft/cmd/weft/view"
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/planner"
)

// Difference is a preview as it is shown. Its JSON is what `weft diff -o json` prints.
type Difference struct {
	Objects []Object `json:"objects"`
	Claims  []Claim  `json:"claims"`
	Hosts   []Item   `json:"hosts"`
}

// Object is the change of one intent object.
type Object struct {
	Op        planner.Op           `json:"op"`
	Object    string               `json:"object"`
	Phase     etcdschema.Phase     `json:"phase,omitempty"`
	Reasons   []etcdschema.Reason  `json:"reasons,omitempty"`
	Allocated etcdschema.Allocated `json:"allocated,omitzero"`
	Fields    []string             `json:"fields,omitempty"` // "spec.mtu: 1500 -> 1400"

	chosen []string // what is shown of Allocated
}

// Claim is the change of one claim.
type Claim struct {
	Op    planner.Op            `json:"op"`
	Claim string                `json:"claim"` // "address 10.1.0.7"
	Owner string                `json:"owner,omitempty"`
	State etcdschema.ClaimState `json:"state,omitempty"` // the state that the claim would have
}

// Item is the change of one item in a host's node config.
type Item struct {
	Host   string     `json:"host"`
	Op     planner.Op `json:"op"`
	Object string     `json:"object"`
	Fields []string   `json:"fields,omitempty"`

	shared bool // many hosts get the same change
}

// Of names what changes, down to fields; declared are the objects as they would be.
func Of(p planner.Preview, declared map[model.ID]model.Object) Difference {
	d := Difference{Objects: []Object{}, Claims: []Claim{}, Hosts: []Item{}}
	for _, o := range p.Objects {
		od := Object{Op: o.Op, Object: o.ID.String(), Phase: o.Phase, Reasons: o.Reasons, Allocated: o.Allocated}
		kind := view.Of(o.ID.Kind)
		if kind.Chosen != nil {
			od.chosen = kind.Chosen(o.Allocated)
		}
		if next, ok := declared[o.ID]; ok && o.Op == planner.OpUpdate && o.Old != nil {
			od.Fields = changedFields(encode(*o.Old), encode(next), inSpec(kind.Secrets)...)
		}
		d.Objects = append(d.Objects, od)
	}
	for _, c := range p.Claims {
		cd := Claim{Op: c.Op, Claim: claimName(c.Key)}
		for _, claim := range []*etcdschema.Claim{c.Old, c.New} {
			if claim != nil {
				cd.Owner = claim.For
			}
		}
		if c.New != nil {
			cd.State = c.New.State
		}
		d.Claims = append(d.Claims, cd)
	}
	changed := changesOnce()
	for _, i := range p.Items {
		name := i.Object.String()
		if i.Object == (model.ID{}) {
			name = fmt.Sprintf("%s %s", i.Key.Kind, i.Key.UID)
		}
		switch i.Key.Kind {
		case desired.KindNeighbors:
			name = "neighbors on " + name
		case desired.KindMetadata:
			name = "metadata of " + name
		}
		id := Item{Host: i.Node, Op: i.Op, Object: name, shared: i.Key.Kind == desired.KindNeighbors}
		if i.Op == planner.OpUpdate {
			id.Fields = changed(i.Old, i.New, desired.AllKinds().Secrets(i.Key.Kind)...)
		}
		d.Hosts = append(d.Hosts, id)
	}
	return d
}

// changesOnce is changedFields with a cache: many hosts get the same change, and it is compared once.
func changesOnce() func(old, next []byte, secrets ...string) []string {
	known := map[[2]string][]string{}
	return func(old, next []byte, secrets ...string) []string {
		pair := [2]string{string(old), string(next)}
		fields, ok := known[pair]
		if !ok {
			fields = changedFields(old, next, secrets...)
			known[pair] = fields
		}
		return fields
	}
}

// inSpec are the paths of fields of a spec.
func inSpec(names []string) (paths []string) {
	for _, name := range names {
		paths = append(paths, "spec."+name)
	}
	return paths
}

func encode(o model.Object) []byte {
	data, err := json.Marshal(o)
	if err != nil { // an object that was decoded can be encoded
		return nil
	}
	return data
}

// claimName makes "address 10.1.0.7" or "segment physnet1/101" from a claim's key.
func claimName(k etcdschema.Key) string {
	if _, a, ok := etcdschema.ParseAddressClaim(k); ok {
		return "address " + a.String()
	}
	if a, ok := etcdschema.ParseFixedClaim(k); ok {
		return "fixed address " + a.String()
	}
	parts := strings.SplitN(k.String(), "/", 3)
	if len(parts) < 3 {
		return k.String()
	}
	return parts[1] + " " + parts[2]
}

// Invalid counts the objects that would not be accepted.
func (d Difference) Invalid() int {
	n := 0
	for _, o := range d.Objects {
		if o.Phase == etcdschema.PhaseInvalid {
			n++
		}
	}
	return n
}

func sign(op planner.Op) string {
	switch op {
	case planner.OpCreate:
		return "+"
	case planner.OpDelete:
		return "-"
	case planner.OpUpdate:
		return "~"
	}
	return "="
}
