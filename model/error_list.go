package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// MaxErrors bounds the errors reported for one file or value, so that a hostile or binary file cannot fill a status or a terminal.
// One more entry says that there are others.
const MaxErrors = 100

// maxQuoted bounds how much of the input a message quotes.
const maxQuoted = 80

// FieldError is one error in one object.
//
//   - File and Line are empty when the object did not come from text. In a value from etcd, Line counts within the value.
//   - Object is zero when the text does not say which object it is.
//   - Field is a path such as "spec.subnets[0].cidr"; empty means the whole object.
//   - Message says what was expected and what to do.
type FieldError struct {
	File    string
	Line    int
	Object  ID
	Field   string
	Message string
}

// Error writes "net.yaml:7: Network alpha/blue: spec.subnets[0].cidr: …" without the parts that are not known.
func (e FieldError) Error() string {
	var b strings.Builder
	switch {
	case e.File != "" && e.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", e.File, e.Line)
	case e.File != "":
		b.WriteString(e.File + ": ")
	case e.Line > 0:
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if name := e.Object.partial(); name != "" {
		b.WriteString(name + ": ")
	}
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Message)
	return b.String()
}

// partial writes what is known of an ID. Text without a kind or name may have other errors too.
func (id ID) partial() string {
	switch {
	case id.Kind == "" || id.Name == "":
		return bounded(strings.TrimSpace(string(id.Kind) + " " + id.Name))
	case id.Project == "":
		return bounded(string(id.Kind) + " " + id.Name)
	}
	return bounded(id.String())
}

// Errors lists all errors at once. An empty list is no error: return it through Err.
type Errors []FieldError

// Error writes one line for each error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, f := range e {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Err is the list as an error, nil when it is empty.
func (e Errors) Err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// sorted sorts by file, line and field, and bounds the list.
func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b FieldError) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field))
	})
	if len(e) <= MaxErrors {
		return e
	}
	more := FieldError{File: e[0].File, Message: fmt.Sprintf("%d more errors: correct these first", len(e)-MaxErrors)}
	return append(e[:MaxErrors:MaxErrors], more)
}

// quote quotes input in a message, bounded and with control characters escaped.
func quote(s string) string {
	if len(s) > maxQuoted {
		return fmt.Sprintf("%q…", s[:maxQuoted])
	}
	return fmt.Sprintf("%q", s)
}

// related says that one path is the other or lies inside it.
func related(a, b string) bool { return within(a, b) || within(b, a) }

// within says that path lies at or below root.
func within(path, root string) bool {
	rest, ok := strings.CutPrefix(path, root)
	return ok && (root == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// parentPath removes the last step of a path: "spec.subnets[0].cidr", "spec.subnets[0]", "spec.subnets", "spec", "".
func parentPath(path string) string {
	i := strings.LastIndexAny(path, ".[")
	if i < 0 {
		return ""
	}
	return path[:i]
}
