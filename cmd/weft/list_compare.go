package main

import "fmt"

// changedList compares two lists of JSON values. If the length differs, or few values are in their old place, it lists what was added and
// removed, so that nobody has to compare two long lists.
func changedList(path string, old, next []any) []string {
	removed, added := without(old, next), without(next, old)
	differ := 0
	for i := range min(len(old), len(next)) {
		if short(old[i]) != short(next[i]) {
			differ++
		}
	}
	switch {
	case len(old) != len(next) || differ > max(len(removed), 1):
	case len(removed) == 0 && differ > 0:
	default: // values changed in place
		var out []string
		for i := range old {
			out = append(out, walkChanges(fmt.Sprintf("%s[%d]", path, i), old[i], next[i])...)
		}
		return out
	}
	if line := fmt.Sprintf("%s: %s -> %s", path, short(old), short(next)); len(line) <= shortLine {
		return []string{line}
	}
	if len(removed)+len(added) == 0 {
		return []string{fmt.Sprintf("%s: the same %d in another order", path, len(old))}
	}
	out := []string{fmt.Sprintf("%s: %d -> %d, %d added, %d removed", path, len(old), len(next), len(added), len(removed))}
	for _, v := range removed {
		out = append(out, fmt.Sprintf("%s - %s", path, short(v)))
	}
	for _, v := range added {
		out = append(out, fmt.Sprintf("%s + %s", path, short(v)))
	}
	return out
}

// shortLine is the length, in characters, up to which two lists are shown side by side.
const shortLine = 60

// without is the list without the values of the other list. It counts repetitions.
func without(list, other []any) (out []any) {
	count := map[string]int{}
	for _, v := range other {
		count[short(v)]++
	}
	for _, v := range list {
		if k := short(v); count[k] > 0 {
			count[k]--
		} else {
			out = append(out, v)
		}
	}
	return out
}
