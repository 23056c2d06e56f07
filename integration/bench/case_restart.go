package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"weft/integration/scale"
	"weft/integration/testbed"
	"weft/model"
)

const (
	// idleTime is as long as a sweep of all drivers. restTime is how long weftd rests before: the first three advertisements to a new
	// port are up to 16 s apart (RFC 4861 section 6.2.4).
	idleTime      = time.Minute
	restTime      = 50 * time.Second
	coldRuns      = 3
	streamSpacing = 5 * time.Millisecond
)

// idle measures (e): memory and processor time of a reconciler that has nothing to do.
func (b *bench) idle(ctx context.Context, n int) error {
	c := b.cloud
	if err := errors.Join(c.settle(ctx), rest(ctx, restTime)); err != nil {
		return err
	}
	pid := c.host.Weftd.Pid()
	before, err := scale.ProcessorTime(pid)
	if err != nil {
		return err
	}
	if err := rest(ctx, idleTime); err != nil {
		return err
	}
	after, err := scale.ProcessorTime(pid)
	if err != nil {
		return err
	}
	rss, _, err := scale.Memory(pid)
	if err != nil {
		return err
	}
	b.table.add(row{what: "(e) weftd idle: resident memory", ports: n, value: fmt.Sprintf("%.1f MiB", float64(rss)/1024), goal: "≤ 60 MiB"})
	b.table.add(row{what: "(e) weftd idle: processor", ports: n, goal: "≤ 0.5 %",
		value: fmt.Sprintf("%.2f %% of one", 100*float64(after-before)/float64(idleTime))})
	return nil
}

// rest lets time pass.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// restart measures (d): weftd is killed and started again with nothing to do, under a stream between two guests.
func (b *bench) restart(ctx context.Context, n int) error {
	c := b.cloud
	if err := c.guests(ctx); err != nil {
		return err
	}
	from, to, address, err := c.pair("weft-1", "weft-2")
	if err != nil {
		return err
	}
	stream, err := testbed.StartStream(from, to, address, streamSpacing)
	if err != nil {
		return err
	}
	died, err := c.killWeftd(ctx)
	if err != nil {
		return err
	}
	took, err := c.startWeftd(ctx)
	if err != nil {
		return err
	}
	if err := c.settle(ctx); err != nil {
		return err
	}
	rss, _, err := scale.Memory(c.host.Weftd.Pid())
	if err != nil {
		return err
	}
	b.table.add(row{what: "(e) weftd after its start: resident memory", ports: n, value: fmt.Sprintf("%.1f MiB", float64(rss)/1024), goal: "≤ 80 MiB"})
	result := stream.Stop()
	page, err := ask(ctx, c.host, "/metrics")
	if err != nil {
		return err
	}
	b.table.add(row{what: "(d) restart with nothing to do", ports: n, p50: took, p99: took, goal: "0 writes, 0 lost",
		versus: fmt.Sprintf("%.0f host writes, %s; the killed process took %s to go", counter(page, "weft_host_writes_total"),
			result, ms(died))})
	return nil
}

// killWeftd ends the reconciler with SIGKILL and waits until it is gone: the kernel closes its sockets one by one.
func (c *cloud) killWeftd(ctx context.Context) (time.Duration, error) {
	exited := c.host.Weftd.Exited()
	start := time.Now()
	c.host.Weftd.Kill()
	select {
	case <-exited:
		return time.Since(start), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// startWeftd starts the reconciler and waits until it reports that it holds the same ports as before, without
// exceptions.
func (c *cloud) startWeftd(ctx context.Context) (time.Duration, error) {
	old := c.journal.nodeReport(hostMain)
	start := time.Now()
	if err := c.host.Weftd.Start(); err != nil {
		return 0, err
	}
	err := c.journal.await(ctx, "weftd to have programmed everything", func() bool {
		r := c.journal.report[hostMain]
		return r.At.After(start) && r.Ports >= old.Ports && r.Exceptions <= old.Exceptions &&
			r.ProcessedRevision >= old.ProcessedRevision
	})
	return time.Since(start), err
}

// coldStart measures (c).
func (b *bench) coldStart(ctx context.Context, n int) error {
	return b.coldStartOf(ctx, n, "(c) cold start")
}

// coldStartOf measures a cold start: weftd starts on a host whose bridge is gone, against the same ports in one OVSDB transaction
// and the same flows in one bundle.
func (b *bench) coldStartOf(ctx context.Context, n int, what string) error {
	c := b.cloud
	var cold, raw series
	var spent stages // of the last cold start
	for range coldRuns {
		flows, err := c.floor.flows(ctx, model.DefaultBridge, "")
		if err != nil {
			return err
		}
		numbers, err := c.floor.ofports(ctx)
		if err != nil {
			return err
		}
		if _, err := c.killWeftd(ctx); err != nil {
			return err
		}
		if err := c.floor.vsctl(ctx, "del-br", model.DefaultBridge); err != nil {
			return err
		}
		took, err := c.rawStart(ctx, flows, numbers)
		if err != nil {
			return err
		}
		raw = append(raw, took)
		if took, err = c.startWeftd(ctx); err != nil {
			return err
		}
		cold = append(cold, took)
		if err := c.settle(ctx); err != nil {
			return err
		}
		if spent, err = c.stages(ctx); err != nil {
			return err
		}
	}
	b.table.add(row{what: what, ports: n, p50: cold.p50(), p99: cold.p99(), goal: "≤ 1.3 × floor",
		versus: fmt.Sprintf("floor %s / %s: %.2f×", ms(raw.p50()), ms(raw.p99()), ratio(cold.p50(), raw.p50()))})
	for _, s := range spent.since(nil) {
		b.table.add(row{what: "    host: " + s.stage, ports: n, value: fmt.Sprintf("total %s in %d", ms(s.sum), s.count)})
	}
	return nil
}

// rawStart loads the same ports and flows raw, and removes them again.
func (c *cloud) rawStart(ctx context.Context, flows []string, numbers map[string]int) (time.Duration, error) {
	var devices []string
	for d := range numbers {
		if d != model.DefaultBridge && !strings.HasPrefix(d, plainDevice) && d != plainBridge {
			devices = append(devices, d)
		}
	}
	start := time.Now()
	if err := c.floor.addBridge(ctx, model.DefaultBridge, devices, numbers); err != nil {
		return 0, err
	}
	if err := c.floor.bundle(ctx, model.DefaultBridge, flows); err != nil {
		return 0, err
	}
	took := time.Since(start)
	return took, c.floor.vsctl(ctx, "del-br", model.DefaultBridge)
}
