package testbed

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weft/integration/timescale"
)

// StreamResult is the result of a stream.
type StreamResult struct {
	Sent, Lost int
	// Longest is the longest time between two consecutive answers.
	Longest time.Duration
	// By are the guests that answered, with a new entry each time it was another guest. Twice is how many answers were repeated ones.
	By    []string
	Twice int
}

// String writes "lost 3 of 1200, longest gap 12ms, answered by alpha/web-1".
func (r StreamResult) String() string {
	s := fmt.Sprintf("lost %d of %d, longest gap %v, answered by %s", r.Lost, r.Sent, r.Longest.Round(time.Millisecond), strings.Join(r.By, ", "))
	if r.Twice > 0 {
		s += fmt.Sprintf(", %d answers twice", r.Twice)
	}
	return s
}

// drain is how long Stop waits for the last answers. late is how long it waits for an answer to come twice when all packets are answered.
const (
	drain = 500 * time.Millisecond
	late  = 100 * time.Millisecond
)

func (s *Stream) take(number uint64, by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case number >= uint64(len(s.answered)):
	case s.answered[number].at.IsZero():
		s.answered[number] = answer{time.Now(), by}
		s.finish()
	default:
		s.twice++
	}
}

// finish closes complete if the last packet has been sent and no answer is missing. s.mu is held.
func (s *Stream) finish() {
	select {
	case <-s.ended:
	default:
		return
	}
	first := slices.IndexFunc(s.answered, func(a answer) bool { return !a.at.IsZero() })
	missing := func(a answer) bool { return a.at.IsZero() }
	if first < 0 || slices.ContainsFunc(s.answered[first:], missing) {
		return
	}
	select {
	case <-s.complete:
	default:
		close(s.complete)
	}
}

// Stop ends the stream and returns the result. Packets before the first answer do not count.
func (s *Stream) Stop() StreamResult {
	close(s.stop)
	s.drain()
	s.close()
	s.wg.Wait()
	return s.result()
}

// drain waits for answers that are on their way: they must not count as lost.
func (s *Stream) drain() {
	<-s.ended
	s.mu.Lock()
	s.finish()
	s.mu.Unlock()
	select {
	case <-s.complete:
		time.Sleep(timescale.Bound(late)) // what does not come has no event
	case <-time.After(timescale.Bound(drain)):
	}
}

func (s *Stream) result() StreamResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := StreamResult{Twice: s.twice}
	var last time.Time
	for i := range s.sent {
		at, by := s.answered[i].at, s.names[s.answered[i].by]
		if at.IsZero() {
			if !last.IsZero() {
				r.Sent++
				r.Lost++
			}
			continue
		}
		r.Sent++
		if !last.IsZero() {
			r.Longest = max(r.Longest, at.Sub(last))
		}
		last = at
		if len(r.By) == 0 || r.By[len(r.By)-1] != by {
			r.By = append(r.By, by)
		}
	}
	if len(s.sent) > 0 && !last.IsZero() {
		r.Longest = max(r.Longest, s.sent[len(s.sent)-1].Sub(last))
	}
	return r
}
