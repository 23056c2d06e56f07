package view

import (
	"fmt"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/model"
)

// network is the view of networks.
func network() Kind {
	return Kind{
		Of: model.KindNetwork,
		Columns: []Column{
			{Header: "TYPE", Cell: cell(func(s *model.NetworkSpec, _ Entry) string { return string(s.Type) })},
			{Header: "PHYSICAL", Cell: cell(func(s *model.NetworkSpec, _ Entry) string { return s.PhysicalNetwork })},
			{Header: "SEGMENT", Cell: cell(segment)},
			{Header: "SUBNETS", Cell: cell(subnets)},
			{Header: "EXTERNAL", Cell: cell(external)},
		},
		Facts:     networkFacts,
		Protected: true,
	}
}

// untagged stands in place of a VLAN id for a flat network.
const untagged = "untagged"

// segment is the VLAN id that was allocated, or else the one that was declared. While another type waits to be accepted, it is that of
// the declared type.
func segment(s *model.NetworkSpec, e Entry) string {
	if s.Type == model.NetworkTypeFlat {
		return untagged
	}
	if id := e.Status.Allocated.SegmentationID; id != 0 {
		return number(id)
	}
	return number(s.SegmentationID)
}

func subnets(s *model.NetworkSpec, _ Entry) string {
	var parts []string
	for _, sub := range s.Subnets {
		parts = append(parts, sub.CIDR.String())
	}
	return strings.Join(parts, ",")
}

// external says how IPv6 works on an external network; empty for other networks.
func external(s *model.NetworkSpec, _ Entry) string {
	if s.External == nil {
		return ""
	}
	return "ipv6 " + string(s.External.Mode())
}

func networkFacts(e Entry, _ Records, _ time.Time) []Fact {
	a, guests := e.Status.Allocated, ""
	id := number(a.SegmentationID)
	if s, ok := e.Object.Spec.(*model.NetworkSpec); ok && s.Type == model.NetworkTypeFlat {
		id = untagged
	}
	if s, ok := e.Object.Spec.(*model.NetworkSpec); ok && s.IsolateGuests {
		guests = "do not reach each other"
	}
	facts := []Fact{{"segment", id}, {"guests", guests}, {"dhcp servers", join(a.DHCPServers)}}
	if s, ok := e.Object.Spec.(*model.NetworkSpec); ok && s.AddressMobility == model.MobilityHostGroup {
		facts = append(facts, Fact{"mobility", "addresses of pools stay on hosts of the pools' groups"})
	}
	return facts
}

// acceptedNetwork describes the network that another object is on; empty if there is no accepted network of that name.
func acceptedNetwork(a *etcdschema.Accepted) string {
	if a == nil {
		return ""
	}
	text := a.Object.Metadata.Project + "/" + a.Object.Metadata.Name
	if a.Allocated.SegmentationID != 0 {
		text += fmt.Sprintf(", VLAN %d", a.Allocated.SegmentationID)
	}
	s, ok := a.Object.Spec.(*model.NetworkSpec)
	if ok && s.Type == model.NetworkTypeFlat {
		text += ", " + untagged
	}
	if ok && s.PhysicalNetwork != "" {
		text += " of " + s.PhysicalNetwork
	}
	return text + ", uid " + a.UID
}
