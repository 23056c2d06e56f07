package terminal

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// countingWriter counts the writes.
type countingWriter struct {
	bytes.Buffer
	writes int
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.writes++
	return w.Buffer.Write(p)
}

// TestTableIsAligned: each column begins in the same place of each line, whatever its cells are. Nothing follows the last cell.
func TestTableIsAligned(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	rows := [][]string{{"web-1", "größer", "x"}, {"", "a\x1bb\tc\u202ed", ""}, {"a-long-name", "b", "last\n"}}
	if err := Table(&out, []string{"NAME", "TEXT", "LAST"}, rows); err != nil {
		t.Fatal(err)
	}
	const want = "NAME          TEXT      LAST\nweb-1         größer    x\n-             a?b?c?d   -\na-long-name   b         last?\n"
	if out.String() != want {
		t.Errorf("got\n%sexpected\n%s", &out, want)
	}
}

// TestTableIsWrittenInFewPieces: the writes of a table depend on its bytes, not on its cells.
func TestTableIsWrittenInFewPieces(t *testing.T) {
	t.Parallel()
	var out countingWriter
	var rows [][]string
	for i := range 1000 {
		rows = append(rows, []string{fmt.Sprint(i), "b", "c"})
	}
	if err := Table(&out, []string{"A", "B", "C"}, rows); err != nil || strings.Count(out.String(), "\n") != 1001 {
		t.Fatal(err, out.Len())
	}
	if out.writes > 1+out.Len()/1024 {
		t.Errorf("%d writes for %d bytes", out.writes, out.Len())
	}
}

// TestListIsWrittenAsOneValue: a list of values that were written one by one is the same text as the list written at once.
func TestListIsWrittenAsOneValue(t *testing.T) {
	t.Parallel()
	all := []map[string]any{{}, {"a": []int{1, 2}, "b": "x\u202ey\ny"}, {"c": map[string]any{"d": nil}}}
	for n := range len(all) + 1 {
		var want, got bytes.Buffer
		if err := WriteJSON(&want, all[:n]); err != nil {
			t.Fatal(err)
		}
		var texts [][]byte
		for _, v := range all[:n] {
			text, err := JSON(v)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, text)
		}
		w := bufio.NewWriter(&got)
		WriteList(w, texts)
		if err := w.Flush(); err != nil || got.String() != want.String() {
			t.Errorf("%d values are written as\n%sexpected\n%s", n, &got, &want)
		}
	}
}
