package view

import (
	"strings"
	"time"

	"weft/cmd/weft/internal/terminal"
	"weft/etcdschema"
)

// externalFacts are the object's own addresses on each external network, and what they are for.
func externalFacts(e Entry, use string) []Fact {
	var facts []Fact
	for _, x := range e.Status.Allocated.External {
		facts = append(facts, Fact{"external", x.Network + ": " + join(x.Addresses) + ", " + use})
	}
	return facts
}

// externalText is "operator/internet=203.0.113.9,2001:db8::9".
func externalText(list []etcdschema.ExternalAddresses) string {
	parts := make([]string, len(list))
	for i, x := range list {
		parts[i] = x.Network + "=" + join(x.Addresses)
	}
	return strings.Join(parts, " ")
}

// gatewayText says which state a host has as gateway of a centralized router, since when and why.
func gatewayText(g etcdschema.GatewayReport, now time.Time) string {
	text := string(g.State) + terminal.Since(now, g.Since)
	if g.Reason != "" {
		text += ": " + g.Reason
	}
	return text
}
