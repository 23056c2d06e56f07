package testbed

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"weft/integration/timescale"
)

// Capture is a tcpdump on a link.
type Capture struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	ended  chan struct{} // closed when tcpdump writes no more

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and replaced with each line
}

// Capture starts tcpdump on a link of the namespace with a filter (pcap-filter(7)) and returns once it listens. It captures only frames
// that arrive, not those that leave.
func (n *Namespace) Capture(ctx context.Context, link, filter string) (*Capture, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &Capture{cmd: exec.CommandContext(ctx, "tcpdump", "-n", "-e", "-l", "-p", "-Q", "in", "--immediate-mode", "-i", link, filter), cancel: cancel, ended: make(chan struct{}), more: make(chan struct{})}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, fmt.Errorf("testbed: capture: %w", err)
	}
	stderr, err := c.cmd.StderrPipe()
	if err != nil {
		cancel()
		return nil, fmt.Errorf("testbed: capture: %w", err)
	}
	if err := n.testbed.spawn.start(c.cmd, n.Name); err != nil {
		cancel()
		return nil, fmt.Errorf("testbed: capture: %w", err)
	}
	go func() {
		defer close(c.ended)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			if s.Text() != "" {
				c.add(s.Text())
			}
		}
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
	<-c.ended
	c.cmd.Wait()
	return nil, fmt.Errorf("testbed: tcpdump on %s of %s: %s", link, n.Name, said)
}

// Stop ends the capture and returns one line for each captured frame.
func (c *Capture) Stop() []string {
	defer c.cancel()
	syscall.Kill(c.cmd.Process.Pid, syscall.SIGINT)
	select {
	case <-c.ended:
	case <-time.After(timescale.Bound(stopTimeout)):
		c.cancel()
		<-c.ended
	}
	c.cmd.Wait() // we ended it with a signal: its status has no meaning
	lines, _ := c.seen()
	return lines
}

// Await returns once a captured frame's line matches the pattern. The frame may have come before the call. Await fails after
// AwaitTimeout, and when the capture ends without such a frame.
func (c *Capture) Await(ctx context.Context, pattern *regexp.Regexp) error {
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(AwaitTimeout))
	defer cancel()
	for {
		lines, more := c.seen()
		if slices.ContainsFunc(lines, pattern.MatchString) {
			return nil
		}
		select {
		case <-more:
		case <-c.ended:
			if after, _ := c.seen(); len(after) == len(lines) {
				return fmt.Errorf("testbed: capture: it ended after %d frames, none of them %s", len(lines), pattern)
			}
		case <-ctx.Done():
			return fmt.Errorf("testbed: capture: no frame that is %s among %q: %w", pattern, lines, ctx.Err())
		}
	}
}

// add keeps a line and wakes those who wait for one.
func (c *Capture) add(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, line)
	close(c.more)
	c.more = make(chan struct{})
}

// seen returns the lines so far, and the channel that is closed with the next line.
func (c *Capture) seen() ([]string, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.lines), c.more
}
