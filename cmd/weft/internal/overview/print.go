package overview

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"weft/cmd/weft/internal/terminal"
)

// Print writes the status for people; all lists every pending object, however many they are.
func (o Cluster) Print(out io.Writer, all bool, now time.Time) error {
	if o.Etcd != nil {
		PrintEtcd(out, *o.Etcd)
	}
	o.printControl(out, now)
	if len(o.Nodes) == 0 {
		_, err := fmt.Fprintln(out, "no hosts: declare a Host and start weftd on it")
		return err
	}
	var rows [][]string
	for _, n := range o.Nodes {
		r := n.Report
		rows = append(rows, []string{n.Name, n.state(), r.Version, strconv.FormatInt(r.ProcessedRevision, 10),
			strconv.FormatInt(n.Behind, 10), strconv.Itoa(r.Ports), strconv.Itoa(r.Exceptions), strconv.Itoa(r.Warnings),
			counts(r.Repaired), terminal.Age(now, r.At)})
	}
	header := []string{"HOST", "STATE", "VERSION", "REVISION", "LAG", "PORTS", "EXCEPTIONS", "WARNINGS", "REPAIRED", "REPORTED"}
	if err := terminal.Table(out, header, rows); err != nil {
		return err
	}
	for _, n := range o.Nodes {
		if n.Report.Held != "" {
			fmt.Fprintf(out, "\n%s holds its last good state: %s\n  if this was meant: weft host accept %s\n",
				terminal.Printable(n.Name), terminal.Printable(n.Report.Held), terminal.Printable(n.Name))
		}
	}
	printSilent(out, o.Nodes)
	if err := printPending(out, o.Pending, all, now); err != nil {
		return err
	}
	return printWarnings(out, o.Warnings, all, now)
}

func (o Cluster) printControl(out io.Writer, now time.Time) {
	if o.Control == nil {
		fmt.Fprintln(out, "no controller has led yet: is weft-controller running?")
		return
	}
	fmt.Fprintf(out, "controllers: %s leads since %s, version %s\n", terminal.Printable(o.Control.Leader), terminal.Age(now, o.Control.Since),
		terminal.Printable(cmp.Or(o.Control.Version, "unknown")))
	if b := o.Control.Held; b != nil {
		fmt.Fprintf(out, "  nothing is written since %s: %s\n  if this was meant: weft accept\n",
			terminal.Age(now, b.Since), terminal.Printable(b.Reason))
	}
	for _, name := range slices.Sorted(maps.Keys(o.Control.Distrusted)) {
		for _, why := range o.Control.Distrusted[name] {
			fmt.Fprintf(out, "  %s is not believed: it %s\n", terminal.Printable(name), terminal.Printable(why))
		}
		fmt.Fprintf(out, "    if its certificate may be in the wrong hands: weft etcd setup --gone-host %s\n", terminal.Printable(name))
	}
	fmt.Fprintln(out)
}

func (n Node) state() string {
	switch {
	case n.Report.Held != "":
		return "Held"
	case n.Report.At.IsZero() && !n.Live:
		return "NeverSeen"
	case !n.Live:
		return "Silent"
	case n.Behind > 0:
		return "Behind"
	}
	return "Ready"
}

// counts writes "nft=1,ovs=3".
func counts(m map[string]uint64) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if m[k] > 0 {
			parts = append(parts, fmt.Sprintf("%s=%d", k, m[k]))
		}
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.Join(parts, ",")
}
