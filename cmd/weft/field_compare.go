package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// changedFields compares two JSON documents and names what differs: "spec.mtu: 1500 -> 1400".
func changedFields(old, next []byte) []string {
	var a, b any
	if json.Unmarshal(old, &a) != nil || json.Unmarshal(next, &b) != nil {
		return []string{"cannot be compared"}
	}
	return walkChanges("", a, b)
}

func walkChanges(path string, a, b any) []string {
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
			out = append(out, walkChanges(strings.TrimPrefix(path+"."+k, "."), am[k], bm[k])...)
		}
		return out
	}
	as, aok := a.([]any)
	bs, bok := b.([]any)
	if aok && bok {
		return changedList(path, as, bs)
	}
	return []string{fmt.Sprintf("%s: %s -> %s", path, short(a), short(b))}
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
