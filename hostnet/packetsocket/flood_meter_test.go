package packetsocket

import (
	"slices"
	"testing"
	"time"
)

var floodBegin = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// flooded counts n frames of the device, evenly over d. It returns how often the meter asked for another filter and for a log
// line.
func flooded(m *floodMeter, index, n int, begin time.Time, d time.Duration) (changes, logged int) {
	for i := range n {
		f, changed := m.count(index, begin.Add(d*time.Duration(i)/time.Duration(n)))
		if changed {
			changes++
		}
		if f.first {
			logged++
		}
	}
	return changes, logged
}

func TestFloodMeterShutsOutAFloodOnce(t *testing.T) {
	t.Parallel()
	m := newFloodMeter()
	now := floodBegin
	for range 10 { // as much as is allowed, each second
		if changes, _ := flooded(&m, 1, floodFrames, now, floodWindow/2); changes != 0 {
			t.Fatal("a device that sends as much as it may was shut out")
		}
		now = now.Add(floodWindow)
		if _, _, ended := m.tick(now); !ended {
			t.Fatal("the window did not end")
		}
	}
	if changes, logged := flooded(&m, 1, 5*floodFrames, now, floodWindow/2); changes != 1 || logged != 1 {
		t.Errorf("a flood changed the filter %d times and was logged %d times; want once each", changes, logged)
	}
	flooded(&m, 2, 10, now, floodWindow/2)
	if got := m.shut(); !slices.Equal(got, []int{1}) {
		t.Errorf("shut out: %v, want 1 alone", got)
	}
	for episode := range 3 { // the flood goes on each time the device is let in again
		now = now.Add(shutTime + floodWindow)
		next, changed, _ := m.tick(now)
		if !changed || len(m.shut()) != 0 || next.IsZero() {
			t.Fatalf("round %d: not let in again: %v, next %s", episode, m.shut(), next)
		}
		if changes, logged := flooded(&m, 1, 2*floodFrames, now, floodWindow/2); changes != 1 || logged != 0 {
			t.Errorf("round %d: shut out %d times, want once; logged %d times, want none", episode, changes, logged)
		}
	}
	now = now.Add(shutTime + floodWindow)
	m.tick(now)
	if next, _, _ := m.tick(now.Add(episodeGap)); !next.IsZero() || len(m.floods) != 0 {
		t.Errorf("long quiet, but next is %s and %d episodes are remembered", next, len(m.floods))
	}
	if _, logged := flooded(&m, 1, 2*floodFrames, now.Add(2*episodeGap), floodWindow/2); logged != 1 {
		t.Error("a new episode was not logged")
	}
}

func TestFloodMeterKeepsTheWorst(t *testing.T) {
	t.Parallel()
	m := newFloodMeter()
	for i := range shutMost { // device 1 is the mildest
		m.tick(floodBegin)
		flooded(&m, i+1, 2*floodFrames, floodBegin, floodWindow-time.Duration(i)*time.Millisecond)
	}
	milder, _ := flooded(&m, 1000, 2*floodFrames, floodBegin, 2*floodWindow)
	if milder != 0 || len(m.shut()) != shutMost {
		t.Errorf("a milder flood than all took a place; %d are shut out", len(m.shut()))
	}
	worse, _ := flooded(&m, 1001, 2*floodFrames, floodBegin, floodWindow/10)
	if got := m.shut(); worse != 1 || len(got) != shutMost || slices.Contains(got, 1) || !slices.Contains(got, 1001) {
		t.Errorf("the worst flood is not shut out instead of the mildest: %d changes, %v", worse, got)
	}
}
