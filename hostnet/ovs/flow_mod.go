package ovs

import (
	"errors"
	"fmt"

	govs "github.com/digitalocean/go-openvswitch/ovs"

	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
)

// modOp is what a flow modification does.
type modOp uint8

const (
	// modAdd adds the flow. It replaces a flow with the same table, priority and match, whatever its cookie.
	modAdd modOp = iota
	// modDelete removes exactly this flow (table, priority, match), if it carries the cookie.
	modDelete
	// modDeleteCookie removes every flow of the table that carries the cookie.
	modDeleteCookie
)

// flowMod is one modification of a bridge's flows, independent of how it is sent.
type flowMod struct {
	op     modOp
	cookie uint64
	flow   object.Flow // only Table for modDeleteCookie

	match, actions string // as rendered
}

// newFlowMod renders a modification. It refuses what cannot be rendered, before it can harm a bundle.
func newFlowMod(op modOp, cookie uint64, f object.Flow) (flowMod, error) {
	m := flowMod{op: op, cookie: cookie, flow: f}
	if op == modDeleteCookie {
		return m, nil
	}
	if op == modAdd && f.Match.Alien != "" {
		return m, fmt.Errorf("flow %s: an alien match is only read, never written", f)
	}
	var errMatch, errActions error
	m.match, errMatch = renderMatch(f.Match)
	if op == modAdd {
		m.actions, errActions = renderActions(f.Actions)
	}
	if err := errors.Join(errMatch, errActions); err != nil {
		return m, fmt.Errorf("flow %s: %w", f, err)
	}
	return m, nil
}

// wire is the modification in the form that package openflow writes.
func (m flowMod) wire() openflow.FlowMod {
	command := openflow.Add
	switch m.op {
	case modDelete:
		command = openflow.DeleteStrict
	case modDeleteCookie:
		command = openflow.Delete
	}
	return openflow.FlowMod{Command: command, Cookie: m.cookie, Flow: m.flow}
}

// push adds the modification to a bundle of go-openvswitch.
func (m flowMod) push(tx *govs.FlowTransaction) error {
	switch m.op {
	case modAdd:
		f := &govs.Flow{Priority: int(m.flow.Priority), Table: int(m.flow.Table), Cookie: m.cookie,
			Actions: []govs.Action{ofctlText(m.actions)}}
		if m.match != "" {
			f.Matches = []govs.Match{ofctlText(m.match)}
		}
		tx.Add(f)
	case modDelete:
		match := fmt.Sprintf("priority=%d", m.flow.Priority)
		if m.match != "" {
			match += "," + m.match
		}
		tx.Delete(&govs.MatchFlow{Matches: []govs.Match{ofctlText(match)}, Table: int(m.flow.Table),
			Cookie: m.cookie, CookieMask: ^uint64(0)})
	case modDeleteCookie:
		tx.Delete(&govs.MatchFlow{Table: int(m.flow.Table), Cookie: m.cookie, CookieMask: ^uint64(0)})
	default:
		return fmt.Errorf("flow modification %d: expected add, delete or delete strict", m.op)
	}
	return nil
}

// ofctlText is a match or an action list in ovs-ofctl's words. go-openvswitch has no type for some of them.
type ofctlText string

// MarshalText implements go-openvswitch's Match and Action.
func (t ofctlText) MarshalText() ([]byte, error) { return []byte(t), nil }

// GoString implements go-openvswitch's Match and Action.
func (t ofctlText) GoString() string { return fmt.Sprintf("ovs.ofctlText(%q)", string(t)) }
