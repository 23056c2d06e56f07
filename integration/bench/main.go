// Command bench measures Weft on real namespaces, Open vSwitch and etcd, and prints one table, all of it from one run.
//
// Every figure that can be is a ratio to something measured beside it in the same run and the same state of the host:
// the raw floor (the same objects through one OVSDB transaction and one flow bundle) or the same thing with fewer
// ports. README.md in this folder says how each is timed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"weft/integration/bed"
)

func main() {
	bed.Child()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	sizes := flag.String("sizes", "1,100,1000", "how many ports the host holds, ascending")
	runs := flag.Int("runs", 20, "measurements of each kind in each state")
	others := flag.String("others", "10,10000", "how many floating addresses the host holds, ascending")
	only := flag.String("only", "abcdefghijkl", "letters of what to measure")
	binaries := flag.String("bin", "", "folder of weft, weftd and weft-controller; built when empty")
	datapath := flag.String("datapath", string(bed.DatapathUser), "the hosts' datapath: netdev, or system where the kernel has Open vSwitch's")
	asJSON := flag.Bool("json", false, "print what was measured as JSON, for another program")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	steps, err := parseSizes("sizes", *sizes)
	if err != nil {
		return err
	}
	floating, err := parseSizes("others", *others)
	if err != nil {
		return err
	}
	if *binaries == "" {
		dir, err := os.MkdirTemp("", "weft-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		*binaries = filepath.Join(dir, "bin")
		if err := bed.Build(ctx, *binaries, false); err != nil {
			return err
		}
	}
	b := &bench{conf: bed.Config{Binaries: *binaries, Datapath: bed.Datapath(*datapath)}, runs: *runs, only: *only, table: &table{}}
	err = b.hosts(ctx, steps)
	if err == nil {
		err = b.gateways(ctx, floating)
	}
	if err == nil {
		err = b.failovers(ctx)
	}
	if err == nil {
		err = b.kernel(ctx, steps)
	}
	if *asJSON {
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

func parseSizes(flag, s string) ([]int, error) {
	var out []int
	for f := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1 || len(out) > 0 && n <= out[len(out)-1] {
			return nil, fmt.Errorf("-%s %q: ascending numbers from 1 are needed", flag, s)
		}
		out = append(out, n)
	}
	return out, nil
}

// joinSizes is what parseSizes reads.
func joinSizes(sizes []int) string {
	text := make([]string, len(sizes))
	for i, n := range sizes {
		text[i] = strconv.Itoa(n)
	}
	return strings.Join(text, ",")
}

// bench is one run: the cloud it measures and the table it fills.
type bench struct {
	conf  bed.Config
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

// each runs those of the measurements that are asked for.
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
