package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChangedFields(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		old, next string
		want      []string
	}{
		{`{"a": 1}`, `{"a": 1}`, nil},
		{`{"a": 1, "b": {"c": "x"}}`, `{"b": {"c": "y"}, "d": true}`, []string{"a: 1 -> none", "b.c: x -> y", "d: none -> true"}},
		{`{"l": [1, {"x": 2}]}`, `{"l": [1, {"x": 3}]}`, []string{"l[1].x: 2 -> 3"}},
		{`{"l": [1]}`, `{"l": [1, 2]}`, []string{"l: [1] -> [1,2]"}},
		{`{"l": {}}`, `{"l": []}`, []string{"l: {} -> []"}},
		{`{`, `{}`, []string{"cannot be compared"}},
	} {
		if diff := cmp.Diff(tc.want, changedFields([]byte(tc.old), []byte(tc.next))); diff != "" {
			t.Errorf("%s to %s (-want +got):\n%s", tc.old, tc.next, diff)
		}
	}
}
