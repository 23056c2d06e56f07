package overview

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"weft/cmd/weft/internal/terminal"
)

// pendingShown is how many pending objects `weft status` lists unless it is asked for all.
const pendingShown = 10

// printPending lists the objects that are not as declared. If there are many, it counts the objects of each reason and lists the first
// ones, unless all are asked for.
func printPending(out io.Writer, pending []Pending, all bool, now time.Time) error {
	if len(pending) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	shown := pending
	if !all && len(pending) > pendingShown {
		shown = pending[:pendingShown]
		var rows [][]string
		for _, r := range countReasons(pending) {
			rows = append(rows, []string{strconv.Itoa(r.count), r.state, r.reason})
		}
		if err := terminal.Table(out, []string{"OBJECTS", "STATE", "REASON"}, rows); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	var rows [][]string
	for _, p := range shown {
		rows = append(rows, []string{p.Object, p.Node, p.State, terminal.Age(now, p.Since), p.Reason})
	}
	if err := terminal.Table(out, []string{"OBJECT", "HOST", "STATE", "SINCE", "REASON"}, rows); err != nil {
		return err
	}
	if more := len(pending) - len(shown); more > 0 {
		fmt.Fprintf(out, "%d more: weft status --all\n", more)
	}
	return nil
}

// printWarnings lists what looks wrong although nothing failed. If there are many, it lists the first ones, unless all are asked for.
func printWarnings(out io.Writer, warnings []Warning, all bool, now time.Time) error {
	if len(warnings) == 0 {
		return nil
	}
	shown := warnings
	if !all {
		shown = warnings[:min(len(warnings), pendingShown)]
	}
	var rows [][]string
	for _, w := range shown {
		rows = append(rows, []string{w.Object, w.Node, w.Reason, terminal.Age(now, w.Since), w.Message})
	}
	fmt.Fprintln(out)
	if err := terminal.Table(out, []string{"OBJECT", "HOST", "WARNING", "SINCE", "MESSAGE"}, rows); err != nil {
		return err
	}
	if more := len(warnings) - len(shown); more > 0 {
		fmt.Fprintf(out, "%d more warnings: weft status --all\n", more)
	}
	return nil
}

// reasonCount is how many objects are in a state for one kind of reason.
type reasonCount struct {
	count         int
	state, reason string
}

// countReasons counts reasons that differ only in names and numbers as one. The most frequent come first.
func countReasons(pending []Pending) []reasonCount {
	counts := make(map[[2]string]int)
	for _, p := range pending {
		counts[[2]string{p.State, reasonKind(p.Reason)}]++
	}
	var out []reasonCount
	for k, n := range counts {
		out = append(out, reasonCount{n, k[0], k[1]})
	}
	slices.SortFunc(out, func(a, b reasonCount) int {
		return cmp.Or(b.count-a.count, cmp.Compare(a.state, b.state), cmp.Compare(a.reason, b.reason))
	})
	return out
}

// reasonKind replaces the words that name something: words with digits, quotes or the punctuation of names inside. The field at the
// beginning stays, without its index.
func reasonKind(reason string) string {
	words := strings.Fields(reason)
	for i, w := range words {
		inner := strings.Trim(w, ",.;:()")
		switch {
		case i == 0 && strings.HasPrefix(w, "spec."):
			words[i], _, _ = strings.Cut(strings.TrimSuffix(w, ":"), "[")
			words[i] += ":"
		case strings.ContainsAny(inner, `0123456789/-_."'`):
			words[i] = strings.Replace(w, inner, "…", 1)
		}
	}
	return strings.Join(words, " ")
}
