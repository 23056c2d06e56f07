package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"weft/integration/testbed"
	"weft/integration/vm"
)

const (
	// kernelRuns are fewer than other runs, because each waits ten times as long until the host has nothing to do.
	kernelRuns  = 10
	onKernel    = ", kernel's datapath"
	kernelLimit = 40 * time.Minute
)

// figure is one row on its way out of the virtual machine.
type figure struct {
	What     string
	Ports    int
	P50, P99 time.Duration
}

// figures are the measured rows. The receiver computes the growth.
func (t *table) figures() (out []figure) {
	for _, r := range t.rows {
		if r.p50 != 0 {
			out = append(out, figure{r.what, r.ports, r.p50, r.p99})
		}
	}
	return out
}

// kernel measures (l): (b) with Open vSwitch's kernel datapath. The same program measures it in a virtual machine. Its processor is
// emulated: only the growth with the number of ports has a meaning.
func (b *bench) kernel(ctx context.Context, sizes []int) (err error) {
	if !strings.Contains(b.only, "l") {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, kernelLimit)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	m, err := vm.Boot(ctx, vm.Config{Log: progress})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	ends := sizes[:1:1]
	if last := sizes[len(sizes)-1]; last != ends[0] {
		ends = append(ends, last)
	}
	var out bytes.Buffer
	code, err := m.Run(ctx, vm.Command{Stage: true, Stdout: &out, Stderr: os.Stderr, Args: []string{self,
		"-bin", b.conf.Binaries, "-datapath", string(testbed.DatapathKernel), "-only", "b", "-json",
		"-runs", strconv.Itoa(min(b.runs, kernelRuns)), "-sizes", joinSizes(ends)}})
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("(l): the bench in the virtual machine ended with exit code %d", code)
	}
	return b.takeFigures(out.Bytes(), ends)
}

// takeFigures adds what the virtual machine measured, and its growth.
func (b *bench) takeFigures(text []byte, sizes []int) error {
	var figures []figure
	if err := json.Unmarshal(text, &figures); err != nil {
		return fmt.Errorf("(l): figures of the virtual machine: %w", err)
	}
	inside := &table{}
	for _, f := range figures { // already printed when they were measured
		inside.rows = append(inside.rows, row{what: f.What + onKernel, ports: f.Ports, p50: f.P50, p99: f.P99, versus: "emulated processor"})
	}
	inside.growth(sizes)
	b.table.rows = append(b.table.rows, inside.rows...)
	return nil
}
