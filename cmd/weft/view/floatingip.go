package view

import (
	"fmt"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/model"
)

// floatingIP is the view of floating addresses: the ports that one leads to, and the host that translates it. A floating address does not
// protect its port: it waits for another port.
func floatingIP() Kind {
	return Kind{
		Of: model.KindFloatingIP,
		Columns: []Column{
			{Header: "NETWORK", Cell: cell(func(s *model.FloatingIPSpec, _ Entry) string { return s.Network })},
			{Header: "ADDRESS", Cell: cell(floatingAddress)},
			{Header: "PORT", Cell: cell(targets)},
			{Header: "FIXED", Cell: cell(fixedAddress)},
			{Header: "HOST", Cell: func(e Entry) string { return strings.Join(e.Nodes(), ",") }},
		},
		Reads:  floatingReads,
		Facts:  floatingFacts,
		Claims: floatingClaims,
		Hints:  floatingHints,
		OnHost: func(_ etcdschema.NodeStatus, h HostRecords, now time.Time) []string {
			return droppedLines(h.Rejected, now)
		},
	}
}

// floatingAddress is the address that was allocated, or else the one that was declared.
func floatingAddress(s *model.FloatingIPSpec, e Entry) string {
	if address := join(e.Status.Allocated.Addresses); address != "" || !s.Address.IsValid() {
		return address
	}
	return s.Address.String()
}

// fixedAddress is the guest's address to which it leads, or else the one that was declared.
func fixedAddress(s *model.FloatingIPSpec, e Entry) string {
	address := e.Status.Allocated.FixedAddress
	if !address.IsValid() {
		address = s.FixedAddress
	}
	if !address.IsValid() {
		return ""
	}
	return address.String()
}

// targets names the ports: the one that gets everything, or for each port forward "tcp/8080->web-1:80".
func targets(s *model.FloatingIPSpec, _ Entry) string {
	if s.Port != "" {
		return s.Port
	}
	parts := make([]string, len(s.PortForwards))
	for i, f := range s.PortForwards {
		parts[i] = fmt.Sprintf("%s/%s->%s:%d", f.Protocol, f.Port, f.Target, f.To())
	}
	return strings.Join(parts, ",")
}

func floatingReads(e Entry) Reads {
	if s, ok := e.Object.Spec.(*model.FloatingIPSpec); ok {
		return Reads{Network: s.NetworkID(e.ID.Project)}
	}
	return Reads{}
}

func floatingFacts(e Entry, r Records, _ time.Time) []Fact {
	a := e.Status.Allocated
	facts := []Fact{{"network", acceptedNetwork(r.Network)}, {"addresses", join(a.Addresses)}}
	if a.FixedAddress.IsValid() {
		facts = append(facts, Fact{"fixed address", a.FixedAddress.String()})
	}
	if s, ok := e.Object.Spec.(*model.FloatingIPSpec); ok {
		facts = append(facts, rateLimitsFact(s.Limits))
	}
	return facts
}

// floatingClaims is the claim on the address.
func floatingClaims(e Entry, r Records) []etcdschema.Key {
	if r.Network == nil {
		return nil
	}
	return addressClaims(r.Network.UID, e.Status.Allocated.Addresses)
}

// floatingHints says that an address without a port leads nowhere.
func floatingHints(e Entry) []Fact {
	s, ok := e.Object.Spec.(*model.FloatingIPSpec)
	if !ok || s.Port != "" || len(s.PortForwards) > 0 {
		return nil
	}
	return []Fact{{"leads to", "nothing: the address is reserved; set spec.port or spec.portForwards"}}
}
