package main

import (
	"fmt"
	"io"
	"strings"

	"weft/cmd/weft/internal/guesttree"
	"weft/cmd/weft/internal/terminal"
)

// tellPlan says how a guest's files are written, and what else may configure it.
func tellPlan(plan guesttree.Plan, out io.Writer) {
	fmt.Fprintf(out, "style: %s (%s)\n", plan.Style, plan.Why)
	for _, name := range plan.Others {
		fmt.Fprintf(out, "note: %s was not written by weft inject and is left alone: see that it does not configure the same NICs\n",
			terminal.Printable(name))
	}
}

// writeDiff shows what would change. Tabs are text in a guest's files.
func writeDiff(plan guesttree.Plan, out io.Writer) error {
	parts := strings.Split(plan.Diff(), "\t")
	for i, part := range parts {
		parts[i] = terminal.PrintableLines(part)
	}
	_, err := io.WriteString(out, strings.Join(parts, "\t"))
	return err
}

// tellDone says what became of each file.
func tellDone(plan guesttree.Plan, out io.Writer) {
	for _, c := range plan.Files {
		fmt.Fprintf(out, "%s %s\n", c.Path, c.Did())
	}
}
