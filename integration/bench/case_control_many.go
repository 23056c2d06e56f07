package main

import (
	"context"
	"fmt"
	"time"

	"weft/integration/scale"
)

// routedPort measures one more port on a network for which every host is a gateway, with few other ports on it and with many.
func (r *region) routedPort(ctx context.Context) error {
	runs := min(r.runs, fanOutRuns)
	if err := r.Peers(ctx, fewPeers); err != nil {
		return err
	}
	few, err := r.OneRoutedPort(ctx, runs)
	if err != nil {
		return err
	}
	if err := r.Peers(ctx, routedPeers); err != nil {
		return err
	}
	p, err := r.OneRoutedPort(ctx, runs)
	if err != nil {
		return err
	}
	r.single(fmt.Sprintf("(m) one more port, routed with %d on %d hosts", routedPeers, r.hosts), p)
	r.processor(p.Cost, runs)
	cost := func(p scale.Ports) time.Duration {
		return (p.Cost.Controller + p.Cost.Etcd) / time.Duration(len(p.Programmed))
	}
	r.add(row{what: "    processor of controller and etcd", value: ms(cost(p)), goal: "≤ 20 × without a router",
		versus: fmt.Sprintf("%s without a router: %.1f×", ms(cost(r.plain)), ratio(cost(p), cost(r.plain)))})
	now, before := kib(p.Cost.Written().Bytes, runs), kib(few.Cost.Written().Bytes, runs)
	r.add(row{what: "    bytes written", value: fmt.Sprintf("%.0f KiB", now), goal: "the same with any number of neighbours",
		versus: fmt.Sprintf("%.0f KiB with %d neighbours: %.2f×", before, fewPeers, now/before)})
	return nil
}

func (r *region) storm(ctx context.Context) error {
	if _, _, err := r.ControllerMemory(); err != nil { // resets the peak
		return err
	}
	n := r.bulk * 4 / 5
	p, err := r.Storm(ctx, n)
	if err != nil {
		return err
	}
	r.single(fmt.Sprintf("(m) storm of %d ports/s for %d s", scale.StormRate, n/scale.StormRate), p)
	r.processor(p.Cost, n)
	return r.memory("    controller's memory")
}

// command adds the row of a run of the CLI.
func (r *region) command(what string, c scale.Command, goal string) {
	r.add(row{what: what, value: fmt.Sprintf("%.2f s, %s", c.Took.Seconds(), mib(c.Peak)), goal: goal,
		versus: fmt.Sprintf("floor %.2f s: %.1f×; processor %.2f s; %d lines of at most %d characters", c.Floor.Seconds(),
			ratio(c.Took, c.Floor), c.Processor.Seconds(), c.Lines, c.Widest)})
}

func (r *region) apply(ctx context.Context) error {
	b, err := r.Apply(ctx, r.bulk)
	if err != nil {
		return err
	}
	r.command(fmt.Sprintf("(m) weft apply of %d ports", r.bulk), b.Command, "below 2 s")
	r.carriedOut("    all of them programmed", b)
	return nil
}

// carriedOut adds the row of how long the controllers took for what the CLI wrote.
func (r *region) carriedOut(what string, b scale.Bulk) {
	floor := b.Cost.Floor
	r.add(row{what: what, value: fmt.Sprintf("%.1f s", b.Done.Seconds()),
		versus: fmt.Sprintf("floor %.1f s for %d transactions: %.1f×", floor.Wall.Seconds(), floor.Transactions, ratio(b.Done, floor.Wall))})
	r.processor(b.Cost, r.bulk)
}

func (r *region) reads(ctx context.Context) error {
	for _, one := range []struct {
		what string
		diff func(context.Context) (scale.Command, error)
	}{{"(m) weft diff of one port", r.Diff}, {fmt.Sprintf("(m) weft diff of one port, routed with %d on %d hosts", routedPeers, r.hosts), r.DiffRouted}} {
		c, err := one.diff(ctx)
		if err != nil {
			return err
		}
		r.command(one.what, c, "below 0.5 s and 64 MiB, no line above 80 characters")
	}
	get, err := r.Get(ctx)
	if err != nil {
		return err
	}
	r.command("(m) weft get port -A", get, "below 0.5 s")
	return nil
}

func (r *region) remove(ctx context.Context) error {
	b, err := r.Delete(ctx, r.bulk)
	if err != nil {
		return err
	}
	r.add(row{what: fmt.Sprintf("(m) weft delete of %d ports: asked for", r.bulk), value: fmt.Sprintf("%.2f s", b.Asked.Seconds()),
		goal: "below 2 s", versus: fmt.Sprintf("floor %.2f s: %.1f×", b.Command.Floor.Seconds(), ratio(b.Asked, b.Command.Floor))})
	r.command("    the command, which waits until it is carried out", b.Command, "")
	r.carriedOut("    all of them gone", b)
	return nil
}

func (r *region) coldStart(ctx context.Context) error {
	s, err := r.ColdStart(ctx)
	if err != nil {
		return err
	}
	r.add(row{what: "(m) cold start → a port that waits is programmed", value: fmt.Sprintf("%.2f s", s.Programmed.Seconds()),
		goal: "below 6 s", versus: fmt.Sprintf("placed %.2f s; floor, a list of %d keys, %.2f s: %.1f×", s.Placed.Seconds(), s.Keys,
			s.List.Seconds(), ratio(s.Programmed, s.List))})
	return nil
}

func (r *region) takeovers(ctx context.Context) error {
	for _, way := range []struct {
		what string
		kill bool
	}{{"(m) takeover: leader told to go → new port programmed", false}, {"(m) takeover: leader killed → new port programmed", true}} {
		s, err := r.Takeover(ctx, way.kill)
		if err != nil {
			return err
		}
		floor := "floor: a port without a takeover " + ms(series(r.plain.Programmed).p50())
		if way.kill {
			floor += fmt.Sprintf(", and the session's end after %s", scale.SessionTTL)
		}
		r.add(row{what: way.what, value: fmt.Sprintf("%.2f s", s.Programmed.Seconds()),
			versus: fmt.Sprintf("placed %.2f s; %s", s.Placed.Seconds(), floor)})
	}
	return nil
}
