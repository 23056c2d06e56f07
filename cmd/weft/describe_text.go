package main

import (
	"fmt"
	"strings"
	"time"

	"weft/cmd/weft/internal/terminal"
	"weft/cmd/weft/view"
	"weft/etcdschema"
)

// hostText says in lines how far one host is with an object: first what is wrong, then what it holds.
func hostText(kind view.Kind, n etcdschema.NodeStatus, h view.HostRecords, now time.Time) []string {
	lines := []string{progressText(n, h, now)}
	if kind.OnHost != nil {
		lines = append(lines, kind.OnHost(n, h, now)...)
	}
	for _, w := range h.Warnings {
		lines = append(lines, fmt.Sprintf("WARNING %s%s: %s", w.Reason, terminal.Since(now, w.Since), w.Message))
	}
	for _, t := range h.Around {
		lines = append(lines, fmt.Sprintf("%s there is not as it should be: %s%s: %s", t.ID, t.Exception.State,
			terminal.Since(now, t.Exception.Since), t.Exception.Reason))
	}
	if h.Report.Held != "" {
		lines = append(lines, "holds its last good state: "+h.Report.Held)
	}
	return lines
}

// progressText says whether the object is programmed, and if not, why and since when.
func progressText(n etcdschema.NodeStatus, h view.HostRecords, now time.Time) string {
	text := fmt.Sprintf("programmed at revision %d", n.DesiredRevision)
	if !n.Programmed {
		text = fmt.Sprintf("not programmed at revision %d", n.DesiredRevision)
	}
	switch x := h.Exception; {
	case x != nil: // newer than the object's status
		text = fmt.Sprintf("not programmed at revision %d: %s%s: %s", n.DesiredRevision, x.State, terminal.Since(now, x.Since), x.Reason)
	case n.Reason != "":
		text += ": " + n.Reason
	case !n.Programmed && h.Silent:
	case !n.Programmed && h.Report.At.IsZero():
		text += ": weftd there has not reported it yet"
	case !n.Programmed:
		text += fmt.Sprintf(": weftd there has not reported it yet; it has come to revision %d", h.Report.ProcessedRevision)
	}
	if h.Silent {
		if !h.Report.At.IsZero() {
			text += "; it last reported " + terminal.Age(now, h.Report.At) + " ago"
		}
		text += "; weftd does not run there, or does not reach etcd: start it, and see its log"
	}
	return text
}

// claimText says who has claimed a value that the object uses. An operator looks for another owner, or for none.
func claimText(c claimRecord, uid string, now time.Time) string {
	value := strings.TrimPrefix(c.key.String(), etcdschema.ClaimPrefix().String())
	switch {
	case !c.found:
		return value + ": nobody has claimed it"
	case c.claim.Owner != uid:
		return fmt.Sprintf("%s: %s by another: %s (uid %s)%s", value, c.claim.State, c.claim.For, c.claim.Owner,
			terminal.Since(now, c.claim.Since))
	}
	return fmt.Sprintf("%s: %s%s", value, c.claim.State, terminal.Since(now, c.claim.Since))
}
