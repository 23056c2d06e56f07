//go:build integration

package units

import (
	"context"
	"fmt"
	"strings"

	"weft/integration/vm"
)

// traffic is a ping from one namespace to an address, until it is stopped.
type traffic struct {
	host *host
	out  output
	stop context.CancelFunc
	done chan struct{}
}

func (h *host) startTraffic(namespace, to string) *traffic {
	h.Helper()
	ctx, cancel := context.WithCancel(h.Context())
	tr := &traffic{host: h, stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(tr.done)
		_, _ = h.m.Run(ctx, vm.Command{Args: []string{"ip", "netns", "exec", namespace, "ping", "-n", "-i", "0.2", to}, Stdout: &tr.out, Stderr: &tr.out}) // it is killed
	}()
	h.Cleanup(cancel)
	tr.more()
	return tr
}

// more waits until more requests are answered.
func (tr *traffic) more() {
	tr.host.Helper()
	had := strings.Count(tr.out.String(), " bytes from ")
	tr.host.await("pings are answered", func() bool { return strings.Count(tr.out.String(), " bytes from ") > had })
}

// unbroken ends the ping and checks that every request was answered.
func (tr *traffic) unbroken() {
	tr.host.Helper()
	tr.more()
	tr.stop()
	<-tr.done
	next := 1
	for line := range strings.Lines(tr.out.String()) {
		_, seq, found := strings.Cut(line, "icmp_seq=")
		if !found {
			continue
		}
		var n int
		if _, err := fmt.Sscan(strings.Fields(seq)[0], &n); err != nil || n != next {
			tr.host.Fatalf("request %d was not answered:\n%s", next, tr.out.String())
		}
		next++
	}
}
