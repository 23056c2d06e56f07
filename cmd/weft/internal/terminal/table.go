// Package terminal writes what people read: tables, text of several lines, YAML and JSON, lists of names, ages, and the progress of
// long work.
//
// Invariants:
//   - No character that controls a terminal reaches it from a name or a text, because guests and operators choose names. Only the line of
//     the progress contains control sequences, and they are constants.
//   - It knows no kind and no record of Weft, and reads nothing.
package terminal

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
)

// Table writes rows with aligned columns. It replaces control characters in cells, because a name that a guest or an operator chose must
// not reach the terminal as an escape sequence.
func Table(out io.Writer, header []string, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 8, 3, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = Printable(c)
			if c == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// Printable replaces characters that control a terminal: control characters, and the format characters of Unicode, which can reverse the
// direction of a line or hide a part of it (category Cf, UAX #9).
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return '?'
	}, s)
}

// PrintableLines is Printable for text of several lines.
func PrintableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = Printable(l)
	}
	return strings.Join(lines, "\n")
}

// Indent indents each line of a text, and replaces control characters as Printable does.
func Indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("    " + Printable(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String()
}
