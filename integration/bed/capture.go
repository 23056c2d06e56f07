package bed

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"weft/integration/timescale"
)

// Capture is a tcpdump on a link.
type Capture struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	lines  chan []string
}

// Capture starts tcpdump on a link of the namespace with a filter (pcap-filter(7)) and returns once it listens. Only
// frames that arrive are seen, not those that leave.
func (n *Namespace) Capture(ctx context.Context, link, filter string) (*Capture, error) {
	ctx, cancel := context.WithCancel(ctx)
	args := n.execArgs("tcpdump", []string{"-n", "-e", "-l", "-p", "-Q", "in", "--immediate-mode", "-i", link, filter})
	c := &Capture{cmd: exec.CommandContext(ctx, "ip", args...), cancel: cancel, lines: make(chan []string, 1)}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, fmt.Errorf("bed: capture: %w", err)
	}
	stderr, err := c.cmd.StderrPipe()
	if err != nil {
		cancel()
		return nil, fmt.Errorf("bed: capture: %w", err)
	}
	if err := n.bed.spawn.start(c.cmd); err != nil {
		cancel()
		return nil, fmt.Errorf("bed: capture: %w", err)
	}
	go func() {
		var lines []string
		for s := bufio.NewScanner(stdout); s.Scan(); {
			if s.Text() != "" {
				lines = append(lines, s.Text())
			}
		}
		c.lines <- lines
	}()
	errs := bufio.NewScanner(stderr)
	said := ""
	for errs.Scan() {
		said += errs.Text() + "\n"
		if strings.HasPrefix(errs.Text(), "listening on") {
			go func() {
				for errs.Scan() { // so that tcpdump never blocks on its summary
				}
			}()
			return c, nil
		}
	}
	cancel()
	<-c.lines
	c.cmd.Wait()
	return nil, fmt.Errorf("bed: tcpdump on %s of %s: %s", link, n.Name, said)
}

// Stop ends the capture and returns what was seen, one line for each frame.
func (c *Capture) Stop() []string {
	defer c.cancel()
	syscall.Kill(c.cmd.Process.Pid, syscall.SIGINT)
	var lines []string
	select {
	case lines = <-c.lines:
	case <-time.After(timescale.Bound(stopTimeout)):
		c.cancel()
		lines = <-c.lines
	}
	c.cmd.Wait() // ended by a signal of ours: its status says nothing
	return lines
}
