//go:build integration

package attack

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"weft/integration/timescale"
)

// crossing is an attack and the most similar legitimate frame. Either may be missing. heard says which taps receive the legitimate frame,
// and in which form.
type crossing struct {
	name      string
	from      *tap
	bad, good []byte
	heard     map[*tap][]byte
}

// segment is a network segment: the taps on it, and the attacked party.
type segment struct {
	taps []*tap
	// closing returns a frame to send after others, and the taps that receive it, with its form there. When it arrives, all earlier
	// frames of the sending tap have been handled.
	closing func(from *tap) (sent []byte, heard map[*tap][]byte)
	// answers asks the attacked party for its addresses, and returns the faults.
	answers func(*testing.T, context.Context) []string
}

// judge reports the faults of every crossing. Before that, the attacked party must answer once.
func (s segment) judge(t *testing.T, list []crossing) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timescale.Bound(10*time.Second))
	defer cancel()
	if faults := s.answers(t, ctx); len(faults) > 0 {
		t.Fatalf("before everything: %s", faults)
	}
	for _, c := range list {
		for _, fault := range s.faults(t, c) {
			t.Errorf("%s: %s", c.name, fault)
		}
	}
}

// question is a request from one tap for an address of another tap, which answers.
type question struct {
	address     string
	from, to    *tap
	ask, answer []byte
	asked, told []byte // ask and answer as they arrive
}

// answered sends the requests and the answers, and returns what did not arrive.
func answered(t *testing.T, ctx context.Context, questions ...question) (faults []string) {
	t.Helper()
	for _, q := range questions {
		for _, way := range []struct {
			from, to    *tap
			sent, heard []byte
		}{{q.from, q.to, q.ask, q.asked}, {q.to, q.from, q.answer, q.told}} {
			way.from.send(t, way.sent)
			if _, err := way.to.until(ctx, way.heard); err != nil {
				faults = append(faults, fmt.Sprintf("of %s, from %s to %s: %v", q.address, way.from.name, way.to.name, err))
			}
		}
	}
	return faults
}

// faults sends both frames. It returns which taps received a frame that they should not, or missed one, and whether the attacked party
// does not answer afterwards.
func (s segment) faults(t *testing.T, c crossing) (faults []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timescale.Bound(10*time.Second))
	defer cancel()
	heard, err := s.exchange(t, ctx, c.from, c.bad, c.good)
	if err != nil {
		return []string{err.Error()}
	}
	for tap, frames := range heard {
		var want [][]byte
		if f := c.heard[tap]; f != nil {
			want = [][]byte{f}
		}
		faults = append(faults, tap.misheard(ctx, frames, want)...)
	}
	return append(faults, s.answers(t, ctx)...)
}

// exchange sends frames from a tap, except nil ones, and returns what was received until the frames had been handled.
func (s segment) exchange(t *testing.T, ctx context.Context, from *tap, frames ...[]byte) (heard map[*tap][][]byte, err error) {
	t.Helper()
	for _, f := range frames {
		if f != nil {
			from.send(t, f)
		}
	}
	heard = map[*tap][][]byte{}
	for range 2 { // the second is sent when the switch has handled everything that came with the first
		sent, ends := s.closing(from)
		from.send(t, sent)
		for tap, end := range ends {
			got, err := tap.until(ctx, end)
			if err != nil {
				return nil, err
			}
			heard[tap] = append(heard[tap], slices.DeleteFunc(got, func(f []byte) bool { return contains(f, end) })...)
		}
	}
	for _, tap := range s.taps {
		heard[tap] = append(heard[tap], tap.drain()...)
	}
	return heard, nil
}

// misheard returns which wanted frames a tap has not received, and which other frames it has.
func (p *tap) misheard(ctx context.Context, frames, want [][]byte) (faults []string) {
	for _, w := range want {
		if holds(frames, w) {
			continue
		}
		// The frame may still be on its way from one processor to another.
		patience, done := context.WithTimeout(ctx, timescale.Bound(time.Second))
		late, err := p.until(patience, w)
		done()
		frames = append(frames, late...)
		if err != nil {
			return append(faults, fmt.Sprintf("%s did not hear %x", p.name, w))
		}
	}
	for _, f := range frames {
		if !slices.ContainsFunc(want, func(w []byte) bool { return contains(f, w) }) {
			faults = append(faults, fmt.Sprintf("%s heard %x", p.name, f))
		}
	}
	return faults
}
