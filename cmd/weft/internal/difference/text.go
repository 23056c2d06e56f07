package difference

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"weft/cmd/weft/internal/terminal"
	"weft/etcdschema"
	"weft/reconcile/control/planner"
)

const (
	// screenWidth is the longest line of a diff: the usual width of a terminal.
	screenWidth = 80
	// maxFields is how many changes of one object are shown. maxSharing is how many hosts are named that get the same change.
	maxFields  = 10
	maxSharing = 4
)

// textDiff writes a difference for people. Each line has one change, and no line is longer than a screen. JSON has everything.
type textDiff struct{ out io.Writer }

// line writes a line; what does not fit the screen is cut off.
func (t textDiff) line(format string, args ...any) {
	text := terminal.Printable(fmt.Sprintf(format, args...))
	if utf8.RuneCountInString(text) > screenWidth {
		text = string([]rune(text)[:screenWidth-1]) + "…"
	}
	fmt.Fprintln(t.out, text)
}

// words writes a text without cutting it, in as many lines as it needs.
func (t textDiff) words(indent, text string) {
	line := indent
	for _, word := range strings.Fields(text) {
		if line != indent && utf8.RuneCountInString(line)+utf8.RuneCountInString(word) >= screenWidth {
			t.line("%s", line)
			line = indent + "  "
		}
		if strings.TrimSpace(line) != "" {
			line += " "
		}
		line += word
	}
	t.line("%s", line)
}

func (t textDiff) fields(indent string, list []string) {
	for i, f := range list {
		if i == maxFields {
			t.line("%sand %d more (-o json shows all)", indent, len(list)-i)
			return
		}
		t.line("%s%s", indent, f)
	}
}

// Print writes the difference for people.
func (d Difference) Print(out io.Writer) {
	t := textDiff{out}
	for _, o := range d.Objects {
		t.object(o)
	}
	if len(d.Claims) > 0 {
		t.line("claims")
	}
	for _, c := range d.Claims {
		t.claim(c)
	}
	t.hosts(d.Hosts)
}

func (t textDiff) object(o Object) {
	if o.Op == planner.OpNone && o.Phase == etcdschema.PhaseAccepted {
		return
	}
	t.line("%s %s", sign(o.Op), o.Object)
	t.fields("    ", o.Fields)
	if o.Op != planner.OpDelete && o.Phase != etcdschema.PhaseAccepted {
		t.line("    %s", o.Phase)
	}
	for _, r := range o.Reasons {
		t.words("    ", r.Field+": "+r.Message)
	}
	for _, text := range o.chosen {
		t.words("    ", text)
	}
}

func (t textDiff) claim(c Claim) {
	text := fmt.Sprintf("%s %s", sign(c.Op), c.Claim)
	if c.Owner != "" {
		text += "  (" + c.Owner + ")"
	}
	t.line("  %s", text)
	if c.State == etcdschema.ClaimHeld {
		t.line("      released and kept from reuse for the hold time")
	}
}

// hosts prints what changes on each host. A change that many hosts get in the same form is printed once, at the end.
func (t textDiff) hosts(items []Item) {
	host := ""
	var shared []Item
	told := map[string][]string{} // hosts, by the change that they get
	for _, i := range items {
		if i.shared {
			same := i.text()
			if told[same] == nil {
				shared = append(shared, i)
			}
			told[same] = append(told[same], i.Host)
			continue
		}
		if i.Host != host {
			host = i.Host
			t.line("host %s", host)
		}
		t.item(i)
	}
	for _, i := range shared {
		names := told[i.text()]
		switch n := len(names); {
		case n == 1:
			t.line("host %s", names[0])
		case n <= maxSharing:
			t.line("hosts %s", strings.Join(names, ", "))
		default:
			t.line("%d hosts: %s and %d more", n, strings.Join(names[:maxSharing], ", "), n-maxSharing)
		}
		t.item(i)
	}
}

// text describes the item's change without naming the host.
func (i Item) text() string {
	return string(i.Op) + i.Object + strings.Join(i.Fields, "\n")
}

func (t textDiff) item(i Item) {
	t.line("  %s %s", sign(i.Op), i.Object)
	t.fields("      ", i.Fields)
}
