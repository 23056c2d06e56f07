package vm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
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
	ctx, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	if m.conn, err = p.start(ctx, m, initramfs); err == nil {
		err = m.greet(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w; the virtual machine's console:\n%s", err, m.consoleTail())
	}
	c.Log("kernel %s is up after %v (%s)", m.Release, time.Since(began).Round(10*time.Millisecond), p.name)
	return nil
}

// greet waits for the first process's greeting.
func (m *Machine) greet(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = m.conn.SetReadDeadline(time.Now()) })
	defer stop()
	replies := agent.NewReader(m.conn)
	var first agent.Reply
	if err := replies.Decode(&first); err != nil || first.Hello == nil {
		return fmt.Errorf("vm: the virtual machine does not come up: %w", errors.Join(ctx.Err(), err, m.failure()))
	}
	m.Release = first.Hello.Release
	m.requests = agent.NewWriter[agent.Request](m.conn)
	m.readers.Go(func() { m.read(replies) })
	return nil
}
