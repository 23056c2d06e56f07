package main

import (
	"io"
	"strconv"

	"weft/cmd/weft/internal/terminal"
	"weft/cmd/weft/view"
)

// printTable writes a table of objects of one kind: what all kinds have, and in the middle the kind's own columns.
func printTable(out io.Writer, sel selection, entries []view.Entry, wide bool) error {
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
	rows := make([][]string, 0, len(entries))
	for _, e := range entries {
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
		rows = append(rows, row)
	}
	return terminal.Table(out, header, rows)
}
