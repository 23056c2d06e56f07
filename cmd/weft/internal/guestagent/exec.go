package guestagent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// firstLook and lastLook are how long it takes until the agent is asked whether a command has ended, at first and at most. The agent
	// sends no events.
	firstLook = 5 * time.Millisecond
	lastLook  = 500 * time.Millisecond
)

// ExecCommands are the agent's commands that running a command needs.
func ExecCommands() []string { return []string{"guest-exec", "guest-exec-status"} }

// Output is what a command that has ended left.
type Output struct {
	// Code is the exit status; a signal that ended the command is 128 more than its number, as shells say it.
	Code int
	// Out is what the command wrote to its standard output, unfiltered.
	Out []byte
	// Err is the text that it wrote to its standard error, fit for a terminal, its lines separated by semicolons.
	Err string
}

// Run runs a command in the guest, in English and without a shell, and waits at most limit until it has ended. The agent looks for it in
// its PATH. The command stays alive if the wait ends before.
func (c *Client) Run(ctx context.Context, limit time.Duration, command string, args ...string) (Output, error) {
	var started struct {
		PID int64 `json:"pid"`
	}
	err := c.call(ctx, "guest-exec", map[string]any{"path": command, "arg": append([]string{}, args...), "capture-output": true,
		"env": []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}}, &started)
	if err != nil {
		return Output{}, err
	}
	end := time.NewTimer(limit)
	defer end.Stop()
	for wait := firstLook; ; wait = min(2*wait, lastLook) {
		o, done, err := c.status(ctx, started.PID)
		if done || err != nil {
			return o, err
		}
		look := time.NewTimer(wait)
		select {
		case <-look.C:
		case <-end.C:
			look.Stop()
			return Output{}, fmt.Errorf("`%s` has not ended within %v", strings.Join(append([]string{command}, args...), " "), limit)
		case <-ctx.Done():
			look.Stop()
			return Output{}, ended(ctx)
		}
	}
}

// status asks whether the command has ended.
func (c *Client) status(ctx context.Context, pid int64) (o Output, done bool, err error) {
	var s struct {
		Exited    bool   `json:"exited"`
		Code      int    `json:"exitcode"`
		Signal    int    `json:"signal"`
		Out       []byte `json:"out-data"`
		Err       []byte `json:"err-data"`
		Truncated bool   `json:"out-truncated"`
	}
	if err := c.call(ctx, "guest-exec-status", map[string]any{"pid": pid}, &s); err != nil || !s.Exited {
		return o, false, err
	}
	if s.Truncated {
		return o, true, errors.New("guest-exec-status: the command has written too much")
	}
	o = Output{Code: s.Code, Out: s.Out, Err: said(strings.ReplaceAll(strings.TrimSpace(string(s.Err)), "\n", "; "))}
	if s.Signal != 0 {
		o.Code = 128 + s.Signal
	}
	return o, true, nil
}
