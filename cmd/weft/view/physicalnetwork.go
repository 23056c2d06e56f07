package view

import (
	"strconv"
	"strings"

	"weft/model"
)

// physicalNetwork is the view of physical networks.
func physicalNetwork() Kind {
	return Kind{
		Of: model.KindPhysicalNetwork,
		Columns: []Column{
			{Header: "MTU", Cell: cell(func(s *model.PhysicalNetworkSpec, _ Entry) string { return strconv.Itoa(s.EffectiveMTU()) })},
			{Header: "VLANS", Cell: cell(vlans)},
			{Header: "ROLE", Cell: cell(func(s *model.PhysicalNetworkSpec, _ Entry) string { return string(s.Role) })},
			{Header: "CIDRS", Cell: cell(func(s *model.PhysicalNetworkSpec, _ Entry) string { return join(s.CIDRs) })},
		},
		Protected: true,
	}
}

// vlans is "100-199,300".
func vlans(s *model.PhysicalNetworkSpec, _ Entry) string {
	var parts []string
	for _, r := range s.VLANRanges {
		if r.Minimum == r.Maximum {
			parts = append(parts, number(r.Minimum))
			continue
		}
		parts = append(parts, number(r.Minimum)+"-"+number(r.Maximum))
	}
	return strings.Join(parts, ",")
}
