package testbed

import "testing"

// TestStreamIsComplete: Stop waits no longer when all is answered that counts, and waits for an answer that is missing.
func TestStreamIsComplete(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent     int
		answered []uint64
		want     bool
	}{
		"all":                                {3, []uint64{0, 1, 2}, true},
		"in another order":                   {3, []uint64{2, 0, 1}, true},
		"the first before there was a path":  {4, []uint64{2, 3}, true},
		"one is lost":                        {4, []uint64{0, 1, 3}, false},
		"the last is on its way":             {3, []uint64{0, 1}, false},
		"none":                               {3, nil, false},
		"an answer twice is not another one": {3, []uint64{0, 1, 1}, false},
	} {
		for _, early := range []bool{true, false} { // the answers come before the last packet has been sent, or after
			s := &Stream{answered: make([]answer, c.sent), ended: make(chan struct{}), complete: make(chan struct{})}
			if !early {
				close(s.ended)
			}
			for _, number := range c.answered {
				s.take(number, 0)
			}
			if early {
				if closed(s.complete) {
					t.Errorf("%s: complete before the last packet was sent", name)
				}
				close(s.ended)
				s.finish()
			}
			if got := closed(s.complete); got != c.want {
				t.Errorf("%s: complete is %v, want %v (early %v)", name, got, c.want, early)
			}
		}
	}
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
