package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"weft/integration/scale"
)

const (
	// routedPeers are the ports of the routed network when one more is measured, after fewPeers. The cost must not depend on their
	// number.
	routedPeers = 1000
	fewPeers    = 300
	// fanOutRuns are fewer than other runs, because each goes to all hosts.
	fanOutRuns = 10
)

// region is one region that is being measured.
type region struct {
	*scale.Cloud
	size  int // ports
	hosts int
	bulk  int
	runs  int
	table *table
	plain scale.Ports // one more port on a network without a router
}

// control measures (m), each size in a region of its own.
func (b *bench) control(ctx context.Context, conf regions) error {
	if !strings.Contains(b.only, "m") {
		return nil
	}
	for _, n := range conf.ports {
		progress("starting a region of %d hosts for %d ports", conf.hosts, n)
		cloud, err := scale.New(ctx, scale.Config{Binaries: b.conf.Binaries, Hosts: conf.hosts})
		if err != nil {
			return fmt.Errorf("(m) with %d: %w", n, err)
		}
		r := &region{Cloud: cloud, size: n, hosts: conf.hosts, bulk: conf.bulk, runs: b.runs, table: b.table}
		if err = r.all(ctx); err != nil {
			err = fmt.Errorf("(m) with %d: %w\n%s", n, err, cloud.Log())
		}
		if err = errors.Join(err, cloud.Close()); err != nil {
			return err
		}
	}
	return nil
}

// all measures everything in one region. The order is such that a measurement depends on earlier ones only by the number of ports.
func (r *region) all(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		r.load, r.idle, r.onePort, r.routedPort, r.storm, r.apply, r.reads, r.remove, r.coldStart, r.takeovers,
	} {
		if err := step(ctx); err != nil {
			return err
		}
		if err := r.Forget(ctx); err != nil {
			return err
		}
	}
	if n := r.Torn(); n > 0 {
		return fmt.Errorf("%d hosts hold something else than the head of their node config says", n)
	}
	return nil
}

func (r *region) add(w row) {
	w.ports = r.size
	r.table.add(w)
}

func (r *region) load(ctx context.Context) error {
	l, err := r.Load(ctx, r.size)
	if err != nil {
		return err
	}
	floor := l.Cost.Floor
	pace := func(d time.Duration) string {
		return fmt.Sprintf("%.1f s, %.0f ports/s", d.Seconds(), float64(r.size)/d.Seconds())
	}
	versus := func(d time.Duration) string {
		return fmt.Sprintf("floor %.1f s for %d transactions: %.1f×", floor.Wall.Seconds(), floor.Transactions, ratio(d, floor.Wall))
	}
	r.add(row{what: "(m) all ports at once: placed", value: pace(l.Placed), versus: versus(l.Placed)})
	r.add(row{what: "(m) all ports at once: programmed", value: pace(l.Programmed), versus: versus(l.Programmed)})
	r.processor(l.Cost, r.size)
	return r.memory("(m) controller's memory")
}

// processor adds rows of the processor time for the controllers' writes, for each of n ports.
func (r *region) processor(c scale.Cost, n int) {
	each := func(d time.Duration) string { return ms(d / time.Duration(n)) }
	r.add(row{what: "    processor for each port, controller", value: each(c.Controller), goal: "≤ 2 × floor",
		versus: fmt.Sprintf("etcd %s, of that raw (floor) %s: %.1f×; hosts and bench %s", each(c.Etcd), each(c.Floor.Etcd),
			ratio(c.Controller, c.Floor.Etcd), each(c.Own))})
}

func (r *region) memory(what string) error {
	resident, peak, err := r.ControllerMemory()
	if err == nil {
		r.add(row{what: what, value: mib(resident), versus: "at most " + mib(peak)})
	}
	return err
}

func mib(kib int) string { return fmt.Sprintf("%.0f MiB", float64(kib)/1024) }

func (r *region) idle(ctx context.Context) error {
	controller, etcd, err := r.Idle(ctx)
	if err == nil {
		r.add(row{what: "(m) idle: controller's processor", value: fmt.Sprintf("%.1f %% of one", controller),
			versus: fmt.Sprintf("etcd %.1f %%", etcd)})
	}
	return err
}

func (r *region) onePort(ctx context.Context) (err error) {
	if r.plain, err = r.OnePort(ctx, r.runs); err != nil {
		return err
	}
	r.single("(m) one more port", r.plain)
	r.processor(r.plain.Cost, r.runs)
	return nil
}

// single adds rows of ports that were declared one by one.
func (r *region) single(what string, p scale.Ports) {
	placed, programmed := series(p.Placed), series(p.Programmed)
	n := len(programmed)
	floor := p.Cost.Floor.Wall / time.Duration(n)
	r.add(row{what: what + ": placed", p50: placed.p50(), p99: placed.p99()})
	r.add(row{what: what + ": programmed", p50: programmed.p50(), p99: programmed.p99(),
		versus: fmt.Sprintf("floor %s: %.1f×", ms(floor), ratio(programmed.p50(), floor))})
	r.add(row{what: "    written for each port", value: written(p.Cost, n), versus: areas(p.Cost, n)})
}

// written is what controllers wrote for each of n ports.
func written(c scale.Cost, n int) string {
	w := c.Written()
	return fmt.Sprintf("%.1f keys, %.1f KiB", float64(w.Keys)/float64(n), kib(w.Bytes, n))
}

// areas is everything that was written for each of n ports, the hosts' reports included.
func areas(c scale.Cost, n int) string {
	var cells []string
	for _, area := range []string{"accepted", "claim", "desired", "status", "actual"} {
		if t := c.Areas[area]; t.Keys > 0 {
			cells = append(cells, fmt.Sprintf("%s %.1f", area, float64(t.Keys)/float64(n)))
		}
	}
	return strings.Join(cells, ", ")
}

func kib(bytes int64, n int) float64 { return float64(bytes) / 1024 / float64(n) }
