package terminal

import (
	"fmt"
	"strings"
)

// MaxNamed bounds how many names are listed in one message.
const MaxNamed = 5

// Enumerate lists the first names, and how many more there are: "a, b", "a, b, c, d, e and 3 more".
func Enumerate(names []string) string {
	more := ""
	if len(names) > MaxNamed {
		more = fmt.Sprintf(" and %d more", len(names)-MaxNamed)
		names = names[:MaxNamed]
	}
	return Printable(strings.Join(names, ", ")) + more
}

// Counted writes "1 mistake", "2 mistakes".
func Counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
