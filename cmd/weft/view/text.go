package view

import (
	"fmt"
	"strconv"
	"strings"
)

// number writes a number; nothing for 0, which stands for "none".
func number(n uint16) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(int(n))
}

// join writes a list with commas.
func join[T fmt.Stringer](list []T) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = v.String()
	}
	return strings.Join(parts, ",")
}
