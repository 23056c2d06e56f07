// Package terminal writes what people read: tables, text of several lines, YAML and JSON, lists of names, ages, and the progress of
// long work.
//
// Invariants:
//   - No character that controls a terminal reaches it from a name or a text, because guests and operators choose names. Only the line of
//     the progress contains control sequences, and they are constants.
//   - It knows no kind and no record of Weft, and reads nothing.
package terminal

import (
	"bufio"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// columnGap is the space between two columns.
const columnGap = 3

// Table writes rows with aligned columns. It replaces control characters in cells, because a name that a guest or an operator chose must
// not reach the terminal as an escape sequence. All rows have as many cells as the header.
func Table(out io.Writer, header []string, rows [][]string) error {
	width := make([]int, len(header))
	for i, c := range header {
		width[i] = utf8.RuneCountInString(c)
	}
	for _, row := range rows {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cellText(c)))
		}
	}
	w := bufio.NewWriter(out)
	writeRow(w, header, width)
	for _, row := range rows {
		writeRow(w, row, width)
	}
	return w.Flush()
}

func writeRow(w *bufio.Writer, row []string, width []int) {
	for i, c := range row {
		text := cellText(c)
		w.WriteString(text)
		if i == len(row)-1 {
			break
		}
		for range width[i] + columnGap - utf8.RuneCountInString(text) {
			w.WriteByte(' ')
		}
	}
	w.WriteByte('\n')
}

// cellText is what the table shows of a cell.
func cellText(c string) string {
	if c == "" {
		return "-"
	}
	return Printable(c)
}

// Printable replaces characters that control a terminal: control characters, and the format characters of Unicode, which can reverse the
// direction of a line or hide a part of it (category Cf, UAX #9).
func Printable(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return s // most texts
	}
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
