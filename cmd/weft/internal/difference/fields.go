package difference

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// changedFields compares two JSON documents and names what differs: "spec.mtu: 1500 -> 1400". Of secrets, which are paths of texts, it
// says only the size.
func changedFields(old, next []byte, secrets ...string) []string {
	var a, b any
	if json.Unmarshal(old, &a) != nil || json.Unmarshal(next, &b) != nil {
		return []string{"cannot be compared"}
	}
	return walkChanges("", a, b, secrets)
}

func walkChanges(path string, a, b any, secrets []string) []string {
	if reflect.DeepEqual(a, b) {
		return nil
	}
	am, aok := a.(map[string]any)
	bm, bok := b.(map[string]any)
	if aok && bok {
		keys := slices.Collect(maps.Keys(am))
		for k := range bm {
			if _, ok := am[k]; !ok {
				keys = append(keys, k)
			}
		}
		slices.Sort(keys)
		var out []string
		for _, k := range keys {
			out = append(out, walkChanges(strings.TrimPrefix(path+"."+k, "."), am[k], bm[k], secrets)...)
		}
		return out
	}
	as, aok := a.([]any)
	bs, bok := b.([]any)
	if aok && bok {
		return changedList(path, as, bs)
	}
	if slices.Contains(secrets, path) {
		return []string{fmt.Sprintf("%s: %s -> %s (not shown)", path, size(a), size(b))}
	}
	return []string{fmt.Sprintf("%s: %s -> %s", path, short(a), short(b))}
}

// size is what is shown of a secret.
func size(v any) string {
	if s, ok := v.(string); ok {
		return fmt.Sprintf("%d bytes", len(s))
	}
	return "none"
}

// short writes a value on one line.
func short(v any) string {
	if v == nil {
		return "none"
	}
	if s, ok := v.(string); ok {
		return s
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}

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
			out = append(out, walkChanges(fmt.Sprintf("%s[%d]", path, i), old[i], next[i], nil)...)
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
