package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"weft/cmd/weft/internal/terminal"
	"weft/model"
)

func printTable(out io.Writer, sel selection, entries []entry, wide bool) error {
	header := []string{"NAME"}
	if sel.all && !sel.kind.ClusterScoped() {
		header = []string{"PROJECT", "NAME"}
	}
	kindHeader, _ := columns(entry{object: model.Object{Spec: model.NewSpec(sel.kind)}}, wide)
	header = append(append(header, kindHeader...), "STATUS", "PROGRAMMED")
	if wide {
		header = append(header, "REVISION", "UID", "REASON")
	}
	var rows [][]string
	for _, e := range entries {
		row := []string{e.id.Name}
		if sel.all && !sel.kind.ClusterScoped() {
			row = []string{e.id.Project, e.id.Name}
		}
		if e.object.Spec == nil {
			e.object.Spec = model.NewSpec(sel.kind)
		}
		_, cells := columns(e, wide)
		row = append(append(row, cells...), e.phase(), e.programmed())
		if wide {
			row = append(row, strconv.FormatInt(e.revision, 10), e.status.UID, e.firstReason())
		}
		rows = append(rows, row)
	}
	return terminal.Table(out, header, rows)
}

func (e entry) firstReason() string {
	if len(e.status.Reasons) == 0 {
		return ""
	}
	r := e.status.Reasons[0]
	if r.Field == "" {
		return r.Message
	}
	return r.Field + ": " + r.Message
}

// columns are the kind's own columns. They show what was allocated where the spec does not say it.
func columns(e entry, wide bool) (header, cells []string) {
	a := e.status.Allocated
	switch s := e.object.Spec.(type) {
	case *model.HostSpec:
		return hostColumns(s, a, wide)
	case *model.PhysicalNetworkSpec:
		return []string{"MTU", "VLANS"}, []string{strconv.Itoa(s.EffectiveMTU()), vlans(s)}
	case *model.NetworkSpec:
		segment := a.SegmentationID
		if segment == 0 {
			segment = s.SegmentationID
		}
		header = []string{"TYPE", "PHYSICAL", "SEGMENT", "SUBNETS", "EXTERNAL"}
		return header, []string{string(s.Type), s.PhysicalNetwork, number(segment), subnets(s), external(s)}
	case *model.RouterSpec:
		return routerColumns(s, e, wide)
	case *model.FloatingIPSpec:
		return floatingColumns(s, e)
	case *model.PortSpec:
		mac, addresses := a.MAC, a.Addresses
		if mac.IsZero() {
			mac = s.MAC
		}
		if len(addresses) == 0 {
			addresses = s.Addresses
		}
		header, cells = []string{"NETWORK", "HOST", "ADDRESSES"}, []string{s.Network, s.Host, join(addresses)}
		if s.MigrateTo != "" {
			cells[1] += " -> " + s.MigrateTo
			if e.status.Host == s.MigrateTo {
				cells[1] += " (arrived)"
			}
		}
		if wide {
			header, cells = append(header, "MAC", "DEVICE"), append(cells, mac.String(), s.Device)
		}
		return header, cells
	}
	return nil, nil
}

func number(n uint16) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(int(n))
}

func join[T fmt.Stringer](list []T) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = v.String()
	}
	return strings.Join(parts, ",")
}

func uplinks(s *model.HostSpec) string {
	var parts []string
	for _, p := range s.PhysicalNetworks {
		parts = append(parts, p.Name+"="+p.Interface)
	}
	return strings.Join(parts, ",")
}

func vlans(s *model.PhysicalNetworkSpec) string {
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

func subnets(s *model.NetworkSpec) string {
	var parts []string
	for _, sub := range s.Subnets {
		parts = append(parts, sub.CIDR.String())
	}
	return strings.Join(parts, ",")
}
