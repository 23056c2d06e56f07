package main

import (
	"strconv"

	"weft/cmd/weft/internal/terminal"
	"weft/cmd/weft/view"
)

// tableFormat is a table of objects of one kind: what all kinds have, and in the middle the kind's own columns.
func tableFormat(sel selection, wide bool) format {
	columns := view.Of(sel.kind).Shown(wide)
	withProject := sel.all && !sel.kind.ClusterScoped()
	var header []string
	if withProject {
		header = append(header, "PROJECT")
	}
	header = append(header, "NAME")
	for _, c := range columns {
		header = append(header, c.Header)
	}
	header = append(header, "STATUS", "PROGRAMMED")
	if wide {
		header = append(header, "REVISION", "UID", "REASON")
	}
	of := func(e view.Entry) shown {
		row := make([]string, 0, len(header))
		if withProject {
			row = append(row, e.ID.Project)
		}
		row = append(row, e.ID.Name)
		for _, c := range columns {
			row = append(row, c.Cell(e))
		}
		row = append(row, e.Phase(), e.Programmed())
		if wide {
			row = append(row, strconv.FormatInt(e.Revision, 10), e.Status.UID, e.Reason())
		}
		return shown{cells: row}
	}
	return format{of: of, print: func(s streams, all []shown) error {
		rows := make([][]string, len(all))
		for i, o := range all {
			rows[i] = o.cells
		}
		return terminal.Table(s.out, header, rows)
	}}
}
