package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"weft/integration/testbed"
)

// show runs steps one after the other and keeps their results.
type show struct {
	out     io.Writer
	testbed *testbed.Testbed
	passed  int
	failed  []string
	broken  bool // a step failed that the following steps need
}

func newShow(out io.Writer, b *testbed.Testbed) *show { return &show{out: out, testbed: b} }

func (s *show) chapter(title string) { fmt.Fprintf(s.out, "\n%s\n", title) }

// step runs one thing and prints a line with a tick and the time it took. detail is printed too.
func (s *show) step(ctx context.Context, title string, f func(ctx context.Context) (detail string, err error)) {
	if s.broken || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	began := time.Now()
	detail, err := f(ctx)
	took := time.Since(began).Seconds()
	if s.testbed.Context().Err() != nil {
		return // interrupted: the step neither held nor failed
	}
	if err != nil {
		s.failed = append(s.failed, title)
		fmt.Fprintf(s.out, "  ✗ %6.2f s  %s\n             %v\n", took, title, err)
		return
	}
	s.passed++
	if detail != "" {
		title += ": " + detail
	}
	fmt.Fprintf(s.out, "  ✓ %6.2f s  %s\n", took, title)
}

// need is a step that all later steps need.
func (s *show) need(ctx context.Context, title string, f func(ctx context.Context) (string, error)) {
	before := len(s.failed)
	s.step(ctx, title, f)
	s.broken = s.broken || len(s.failed) > before
}

// summary says whether everything held.
func (s *show) summary() bool {
	fmt.Fprintln(s.out)
	switch {
	case len(s.failed) > 0:
		fmt.Fprintf(s.out, "%d steps held, %d did not:\n", s.passed, len(s.failed))
		for _, title := range s.failed {
			fmt.Fprintf(s.out, "  ✗ %s\n", title)
		}
		return false
	case s.testbed.Context().Err() != nil:
		fmt.Fprintf(s.out, "Interrupted after %d steps.\n", s.passed)
		return false
	}
	fmt.Fprintf(s.out, "All %d steps held.\n", s.passed)
	return true
}

// logs writes the end of every program's log, to help find the cause.
func (s *show) logs(w io.Writer) {
	for _, p := range s.testbed.Processes() {
		if tail := p.Tail(3000); tail != "" {
			fmt.Fprintf(w, "--- %s\n%s", p.Name, tail)
		}
	}
}

// play runs all chapters in order.
func (s *show) play(ctx context.Context) {
	for _, chapter := range []func(context.Context){
		s.build, s.leases, s.inside, s.isolation, s.hostile, s.healing, s.gateway, s.failover, s.outage,
	} {
		if s.broken || ctx.Err() != nil {
			return
		}
		chapter(ctx)
	}
}

// nothing returns an error if a capture is not empty.
func nothing(c *testbed.Capture, what string) error {
	if lines := c.Stop(); len(lines) > 0 {
		return fmt.Errorf("%s: %d frames, first: %s", what, len(lines), lines[0])
	}
	return nil
}

// each runs f for every name at once and joins the errors.
func each(names []string, f func(name string) error) error {
	errs := make(chan error, len(names))
	for _, n := range names {
		go func() { errs <- f(n) }()
	}
	var all []error
	for range names {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}
