package model

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestPathsThatBelongTogether: one field contains another by whole steps of the path, not by letters. Otherwise an error about
// spec.port would hide one about spec.portForwards.
func TestPathsThatBelongTogether(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path, root string
		within     bool
	}{
		{"spec.port", "spec.port", true},
		{"spec.subnets[0].cidr", "spec.subnets[0]", true},
		{"spec.subnets[0].cidr", "spec.subnets", true},
		{"spec.subnets[0]", "spec", true},
		{"spec", "", true},
		{"spec.portForwards", "spec.port", false},
		{"spec.subnets[10]", "spec.subnets[1]", false},
		{"spec", "spec.port", false},
		{"metadata.name", "spec", false},
	} {
		if got := within(c.path, c.root); got != c.within {
			t.Errorf("%q within %q: %v", c.path, c.root, got)
		}
		if c.within && (!related(c.path, c.root) || !related(c.root, c.path)) {
			t.Errorf("%q and %q belong together: %v one way, %v the other", c.path, c.root, related(c.path, c.root), related(c.root, c.path))
		}
	}
	var steps []string
	for p := "spec.subnets[0].cidr"; p != ""; p = parentPath(p) {
		steps = append(steps, p)
	}
	if got := strings.Join(steps, " "); got != "spec.subnets[0].cidr spec.subnets[0] spec.subnets spec" {
		t.Errorf("the steps up are %s", got)
	}
}

// TestLineOfTheNearestField: an error about a missing field has the line of the object or group in which it is missing.
func TestLineOfTheNearestField(t *testing.T) {
	t.Parallel()
	l := Located{Line: 2, lines: map[string]int{"spec": 5, "spec.subnets[1]": 9, "spec.subnets[1].cidr": 10}}
	for field, want := range map[string]int{
		"spec.subnets[1].cidr": 10, "spec.subnets[1].gateway": 9, "spec.subnets[0].cidr": 5, "spec.type": 5, "metadata.name": 2, "": 2,
	} {
		if got := l.LineOf(field); got != want {
			t.Errorf("%q is in line %d, expected %d", field, got, want)
		}
	}
}

// TestErrorsAtTheBound: the last error that fits is shown. From the next one on a line counts the rest.
func TestErrorsAtTheBound(t *testing.T) {
	t.Parallel()
	list := func(n int) Errors {
		var errs Errors
		for i := range n {
			errs = append(errs, FieldError{File: "f", Line: n - i, Message: "wrong"})
		}
		return errs.sorted()
	}
	if all := list(MaxErrors); len(all) != MaxErrors || all[0].Line != 1 || all[MaxErrors-1].Line != MaxErrors {
		t.Errorf("%d errors become %d, from line %d to %d", MaxErrors, len(all), all[0].Line, all[len(all)-1].Line)
	}
	cut := list(MaxErrors + 3)
	if last := cut[len(cut)-1]; len(cut) != MaxErrors+1 || last.Error() != "f: 3 more errors: correct these first" {
		t.Errorf("%d errors, the last is %v", len(cut), last)
	}
	mixed := Errors{{File: "b", Line: 1, Field: "a"}, {File: "a", Line: 2, Field: "a"}, {File: "a", Line: 1, Field: "b"}, {File: "a", Line: 1, Field: "a"}}.sorted()
	if mixed[0] != (FieldError{File: "a", Line: 1, Field: "a"}) || mixed[1].Field != "b" || mixed[2].Line != 2 || mixed[3].File != "b" {
		t.Errorf("in order of file, line and field: %+v", mixed)
	}
}

// TestQuotedInput: what a message quotes of the input is bounded and cannot control a terminal.
func TestQuotedInput(t *testing.T) {
	t.Parallel()
	fits, long := strings.Repeat("a", 80), strings.Repeat("a", 81)
	if q := quote(fits); q != `"`+fits+`"` {
		t.Errorf("what fits is cut: %s", q)
	}
	if q := quote(long); q != `"`+fits+`"…` {
		t.Errorf("what does not fit becomes %s", q)
	}
	for _, s := range []string{"\x1b[2J", "a\nb", "\u202eabc", "\x9b", "\xff", strings.Repeat("ä", 50)} {
		q := quote(s)
		if !utf8.ValidString(q) || strings.ContainsAny(q, "\x1b\n\u202e\u009b") {
			t.Errorf("%q is repeated as %s", s, q)
		}
	}
}
