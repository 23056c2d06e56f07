package overview

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestManyPendingObjectsAreCounted(t *testing.T) {
	t.Parallel()
	var pending []Pending
	for i := range 40 {
		pending = append(pending, Pending{Object: fmt.Sprintf("Port alpha/web-%d", i), Node: "h1", State: "Pending", Reason: fmt.Sprintf("waits for device tap-%d", i)})
	}
	for i := range 5 {
		pending = append(pending, Pending{Object: fmt.Sprintf("Port beta/db-%d", i), State: "Invalid",
			Reason: fmt.Sprintf(`spec.addresses[%d]: address 10.0.0.%d belongs to Port alpha/x-%d already`, i, i, i)})
	}
	for _, c := range []struct {
		pending []Pending
		all     bool
		want    []string
		lines   int
	}{
		{nil, false, nil, 0},
		{pending[:10], false, []string{"tap-9"}, 1 + 1 + 10},
		{pending[:11], true, []string{"tap-10"}, 1 + 1 + 11},
		{pending[:11], false, []string{"11        Pending   waits for device …\n", "tap-9\n1 more: weft status --all\n"}, 1 + 2 + 1 + 1 + 10 + 1},
		{pending, false, []string{
			"40        Pending   waits for device …\n5         Invalid   spec.addresses: address … belongs to Port … already\n", "35 more: weft status --all",
		}, 1 + 3 + 1 + 1 + 10 + 1},
		{pending, true, []string{"tap-39", "db-4"}, 1 + 1 + 45},
	} {
		var out strings.Builder
		if err := printPending(&out, c.pending, c.all, time.Now()); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%d pending, all %v: no %q in\n%s", len(c.pending), c.all, want, out.String())
			}
		}
		if got := strings.Count(out.String(), "\n"); got != c.lines {
			t.Errorf("%d pending, all %v: %d lines, expected %d:\n%s", len(c.pending), c.all, got, c.lines, out.String())
		}
	}
}
