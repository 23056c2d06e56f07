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

// segment is the VLAN id that was allocated, or else the one that was declared.
func segment(s *model.NetworkSpec, e Entry) string {
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
	a := e.Status.Allocated
	return []Fact{{"segment", number(a.SegmentationID)}, {"dhcp servers", join(a.DHCPServers)}}
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
	if s, ok := a.Object.Spec.(*model.NetworkSpec); ok && s.PhysicalNetwork != "" {
		text += " of " + s.PhysicalNetwork
	}
	return text + ", uid " + a.UID
}
