package pace

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

// Maps that are iterated often do not keep the memory that a flood has needed.
func TestEmptiedMapsGiveTheirMemoryBack(t *testing.T) {
	t.Parallel()
	const flood = 1000
	now := time.Unix(1000, 0)
	later := now.Add(time.Hour)
	var sets Limiter[string]
	var retries Backoff[string]
	for i := range flood {
		u := fmt.Sprint(i)
		sets.Wrote(u, 1, now)
		sets.Hold(u, now)
		retries.Failed(u, now)
	}
	for name, c := range map[string]struct {
		get   func() any
		empty func()
	}{
		"sets that wait":         {func() any { return sets.waiting }, func() { sets.Ripe(later) }},
		"sets that were written": {func() any { return sets.written }, func() { sets.Wrote("one", 1, later) }},
		"work that is tried again": {func() any { return retries.waits }, func() {
			for _, u := range retries.Ripe(later) {
				retries.Done(u)
			}
		}},
	} {
		before := reflect.ValueOf(c.get())
		memory := before.Pointer()
		if before.Len() < flood {
			t.Fatalf("%s: %d are there", name, before.Len())
		}
		c.empty()
		if after := reflect.ValueOf(c.get()); after.Len() > 1 || after.Pointer() == memory {
			t.Errorf("%s: %d are left, and the memory is the one before: %v", name, after.Len(), after.Pointer() == memory)
		}
	}
}
