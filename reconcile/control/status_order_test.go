package control

import (
	"log/slog"
	"testing"
	"time"
)

// While there is other work without end, statuses get their share of the time: not more, however long they take, and not less.
func TestStatusesTakeTheirPartOfTheTime(t *testing.T) {
	t.Parallel()
	for _, took := range []time.Duration{time.Millisecond, 20 * time.Millisecond, time.Second} {
		var pace statusPace
		now := time.Unix(1000, 0)
		var spent, worked time.Duration
		looks := 0
		for worked+spent < 100*time.Second {
			now, worked = now.Add(5*time.Millisecond), worked+5*time.Millisecond // a transaction
			if pace.due(now) {
				pace.looked(now, now.Add(took))
				now, spent = now.Add(took), spent+took
				looks++
			}
		}
		if part := spent.Seconds() / (spent + worked).Seconds(); part > 1.1/statusPart {
			t.Errorf("looks of %s took %.2f of the time", took, part)
		}
		if atLeast := min(100*time.Second/(2*statusDelay), 100*time.Second/((statusPart+1)*took)); looks < int(atLeast) {
			t.Errorf("looks of %s: %d, expected %d", took, looks, atLeast)
		}
	}
}

// Statuses that were about to be collected when work came are collected while the work lasts.
func TestWorkDoesNotStopTheStatusTimer(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	c, err := New(Config{Client: b.client, Name: "one", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	l := newLoop(c)
	l.statusBusy = true
	l.statusTimer.Reset(0)
	for start := time.Now(); l.statusBusy; l.drain() {
		if time.Since(start) > 10*time.Second {
			t.Fatal("the timer went off, and nobody noticed")
		}
	}
}
