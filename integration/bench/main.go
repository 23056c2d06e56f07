// Command bench measures Weft on real namespaces, Open vSwitch and etcd. It prints one table, and all of it comes from one run.
//
// Where possible, a figure is a ratio to something else that was measured in the same run and the same state of the host. That is the
// raw floor (the same objects through one OVSDB transaction and one flow bundle), or the same thing with fewer
// ports. README.md in this folder says how each is timed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"weft/integration/scale"
	"weft/integration/testbed"
)

func main() {
	testbed.Child()
	scale.Child()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	o, err := readOptions()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if o.binaries == "" {
		dir, err := os.MkdirTemp("", "weft-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.binaries = filepath.Join(dir, "bin")
		if err := testbed.Build(ctx, o.binaries, false); err != nil {
			return err
		}
	}
	b := &bench{conf: testbed.Config{Binaries: o.binaries, Datapath: testbed.Datapath(o.datapath)}, runs: o.runs, only: o.only, table: &table{}}
	for _, section := range []func() error{
		func() error { return b.hosts(ctx, o.sizes) },
		func() error { return b.gateways(ctx, o.others) },
		func() error { return b.failovers(ctx) },
		func() error { return b.control(ctx, o.regions) },
		func() error { return b.kernel(ctx, o.sizes) },
		func() error { return b.filters(ctx, o.sizes) },
		func() error { return b.metadata(ctx) },
	} {
		if err = section(); err != nil {
			break
		}
	}
	if o.asJSON {
		return errors.Join(err, json.NewEncoder(os.Stdout).Encode(b.table.figures()))
	}
	b.table.print(os.Stdout)
	return err
}

// hosts measures everything that has to do with ports, in one cloud.
func (b *bench) hosts(ctx context.Context, sizes []int) error {
	if !strings.ContainsAny(b.only, "abcdefg") {
		return nil
	}
	var err error
	if b.cloud, err = newCloud(ctx, b.conf); err != nil {
		return err
	}
	return errors.Join(b.all(ctx, sizes), b.cloud.close())
}

// bench is one run: the cloud it measures and the table it fills.
type bench struct {
	conf  testbed.Config
	cloud *cloud
	runs  int
	only  string
	table *table
}

// measure is one kind of measurement, by the letter it has in the table.
type measure struct {
	letter string
	do     func(context.Context, int) error
}

// each runs the measurements that are asked for.
func (b *bench) each(ctx context.Context, n int, all ...measure) error {
	for _, m := range all {
		if !strings.Contains(b.only, m.letter) {
			continue
		}
		if err := m.do(ctx, n); err != nil {
			return fmt.Errorf("(%s) with %d: %w", m.letter, n, err)
		}
	}
	return nil
}

// all measures everything, state by state.
func (b *bench) all(ctx context.Context, sizes []int) error {
	for _, n := range sizes {
		progress("filling the host to %d ports", n)
		if err := b.cloud.fill(ctx, n); err != nil {
			return fmt.Errorf("fill to %d ports: %w", n, err)
		}
		err := b.each(ctx, n, measure{"a", b.newPort}, measure{"b", b.changes}, measure{"b", b.latePlug},
			measure{"f", b.keys}, measure{"g", b.throughput})
		if err != nil {
			return err
		}
	}
	err := b.each(ctx, sizes[len(sizes)-1], measure{"e", b.idle}, measure{"d", b.restart}, measure{"c", b.coldStart})
	if err != nil {
		return err
	}
	b.table.growth(sizes)
	return nil
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }
