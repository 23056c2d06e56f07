package main

import (
	"fmt"
	"strings"
	"time"

	"weft/cmd/weft/internal/terminal"
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// hostText says in lines how far one host is with an object: first what is wrong, then what it holds.
func hostText(n etcdschema.NodeStatus, h hostDetail, now time.Time) []string {
	lines := []string{progressText(n, h, now)}
	if len(n.External) > 0 {
		lines = append(lines, "guests without a floating address leave as "+join(n.External))
	}
	if h.gateway.State != "" {
		lines = append(lines, "gateway: "+gatewayText(h.gateway, now))
	}
	if p := h.port; p != nil {
		what := fmt.Sprintf("%s, %s, iface-id %s", p.State, interfaceText(p, h), p.InterfaceID)
		if p.State == desired.StateStandby {
			what += " (wired and mute in both directions, until the port moves here)"
		}
		lines = append(lines, what)
	}
	for _, w := range h.warnings {
		lines = append(lines, fmt.Sprintf("WARNING %s%s: %s", w.Reason, terminal.Since(now, w.Since), w.Message))
	}
	for _, t := range h.around {
		lines = append(lines, fmt.Sprintf("%s there is not as it should be: %s%s: %s", t.id, t.exception.State,
			terminal.Since(now, t.exception.Since), t.exception.Reason))
	}
	if h.report.Held != "" {
		lines = append(lines, "holds its last good state: "+h.report.Held)
	}
	return lines
}

// interfaceText names the interface that a port has on a host, or the one that would be taken.
func interfaceText(p *desired.Port, h hostDetail) string {
	switch {
	case h.device != "":
		return "interface " + h.device
	case h.exception == nil: // of an older weftd that does not report it
		return "device " + p.Device
	}
	return "no interface yet (by default device " + p.Device + ")"
}

// gatewayText says which state a host has as gateway of a centralized router, since when and why.
func gatewayText(g etcdschema.GatewayReport, now time.Time) string {
	text := string(g.State) + terminal.Since(now, g.Since)
	if g.Reason != "" {
		text += ": " + g.Reason
	}
	return text
}

// progressText says whether the object is programmed, and if not, why and since when.
func progressText(n etcdschema.NodeStatus, h hostDetail, now time.Time) string {
	text := fmt.Sprintf("programmed at revision %d", n.DesiredRevision)
	if !n.Programmed {
		text = fmt.Sprintf("not programmed at revision %d", n.DesiredRevision)
	}
	switch x := h.exception; {
	case x != nil: // newer than the object's status
		text = fmt.Sprintf("not programmed at revision %d: %s%s: %s", n.DesiredRevision, x.State, terminal.Since(now, x.Since), x.Reason)
	case n.Reason != "":
		text += ": " + n.Reason
	case !n.Programmed && h.silent:
	case !n.Programmed && h.report.At.IsZero():
		text += ": weftd there has not reported it yet"
	case !n.Programmed:
		text += fmt.Sprintf(": weftd there has not reported it yet; it has come to revision %d", h.report.ProcessedRevision)
	}
	if h.silent {
		if !h.report.At.IsZero() {
			text += "; it last reported " + terminal.Age(now, h.report.At) + " ago"
		}
		text += "; weftd does not run there, or does not reach etcd: start it, and see its log"
	}
	return text
}

// claimText says who has claimed a value that the object uses. An operator looks for another owner, or for none.
func claimText(c claimDetail, uid string, now time.Time) string {
	value := strings.TrimPrefix(c.key.String(), etcdschema.ClaimPrefix().String())
	switch {
	case !c.found:
		return value + ": nobody has claimed it"
	case c.claim.Owner != uid:
		return fmt.Sprintf("%s: %s by another: %s (uid %s)%s", value, c.claim.State, c.claim.For, c.claim.Owner, terminal.Since(now, c.claim.Since))
	}
	return fmt.Sprintf("%s: %s%s", value, c.claim.State, terminal.Since(now, c.claim.Since))
}

// networkText describes a port's network; empty if there is no accepted network of that name.
func networkText(a *etcdschema.Accepted) string {
	if a == nil {
		return ""
	}
	text := a.Object.Metadata.Project + "/" + a.Object.Metadata.Name
	if a.Allocated.SegmentationID != 0 {
		text += fmt.Sprintf(", VLAN %d", a.Allocated.SegmentationID)
	}
	if s, ok := a.Object.Spec.(*model.NetworkSpec); ok && s.PhysicalNetwork != "" {
		text += " of " + s.PhysicalNetwork
	}
	return text + ", uid " + a.UID
}

// whereabouts says where a port's guest is, and what is left to do if its spec names another host.
func whereabouts(e entry) string {
	p, ok := e.object.Spec.(*model.PortSpec)
	switch {
	case !ok || e.status.Host == "":
		return ""
	case e.status.Host != p.Host && e.status.Host == p.MigrateTo:
		return fmt.Sprintf("%s, where it has arrived from %s: set spec.host to %s and remove spec.migrateTo", e.status.Host, p.Host, e.status.Host)
	case p.MigrateTo != "":
		return fmt.Sprintf("%s, about to move to %s: it does when the guest announces itself there, or when spec.host says so", e.status.Host, p.MigrateTo)
	}
	return e.status.Host
}
