package vm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"weft/integration/vm/agent"
)

// plan is what differs between kinds of virtual machines.
type plan struct {
	name    string // for the log
	scale   float64
	limit   time.Duration
	modules []string // in the initramfs
	boot    agent.Boot
	start   func(ctx context.Context, m *Machine, initramfs string) (net.Conn, error)
}

// assemble makes a machine. If the machine does not start, nothing of it is left.
func assemble(ctx context.Context, c Config, k Kernel, p plan) (*Machine, error) {
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", folderPrefix, os.Getpid()))
	if err != nil {
		return nil, fmt.Errorf("vm: %w", err)
	}
	m := &Machine{dir: dir, Share: filepath.Join(dir, "share"), TimeScale: p.scale, runs: map[int]*pending{}}
	if err := m.start(ctx, c, k, p); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *Machine) start(ctx context.Context, c Config, k Kernel, p plan) error {
	if err := os.Mkdir(m.Share, 0o755); err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	p.boot.ModuleFolder, p.boot.Share = filepath.Join(k.Root, "lib", "modules"), m.Share
	image, err := buildInitramfs(ctx, k, p.modules, p.boot, m.dir)
	if err != nil {
		return err
	}
	initramfs := filepath.Join(m.dir, "initramfs")
	if err := os.WriteFile(initramfs, image, 0o644); err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	began := time.Now()
	if err := m.boot(ctx, p, initramfs); err != nil {
		return fmt.Errorf("%w; the virtual machine's console:\n%s", err, m.consoleTail())
	}
	c.Log("kernel %s is up after %v (%s)", m.Release, time.Since(began).Round(10*time.Millisecond), p.name)
	return nil
}

// errPanic says that the kernel panicked before it was up. User-mode Linux then neither ends nor answers.
var errPanic = errors.New("the kernel panicked")

// boot starts the kernel and waits until it is up.
func (m *Machine) boot(ctx context.Context, p plan, initramfs string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	if m.conn, err = p.start(ctx, m, initramfs); err != nil {
		return err
	}
	ctx, panicked := context.WithCancelCause(ctx)
	defer panicked(nil)
	watch, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		panicked(m.awaitPanic(watch))
	})
	err = m.greet(ctx)
	stop()
	watching.Wait()
	return err
}

// awaitPanic returns when the console tells of a panic: errPanic. It returns nil when ctx ends. It polls, because the
// console is a file.
func (m *Machine) awaitPanic(ctx context.Context) error {
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for {
		if strings.Contains(m.consoleTail(), "Kernel panic") {
			return errPanic
		}
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
		}
	}
}

// greet waits for the first process's greeting.
func (m *Machine) greet(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = m.conn.SetReadDeadline(time.Now()) })
	defer stop()
	replies := agent.NewReader(m.conn)
	var first agent.Reply
	if err := replies.Decode(&first); err != nil || first.Hello == nil {
		return fmt.Errorf("vm: the virtual machine does not come up: %w", errors.Join(context.Cause(ctx), err, m.failure()))
	}
	m.Release = first.Hello.Release
	m.requests = agent.NewWriter[agent.Request](m.conn)
	m.readers.Go(func() { m.read(replies) })
	return nil
}
