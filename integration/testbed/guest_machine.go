package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"weft/integration/timescale"
	"weft/integration/vm"
)

// AddMachine boots a guest that is a virtual machine with Debian's own kernel, plugged as hypervisors do it. QEMU makes the tap o.Device
// in the host's namespace and gives the guest's card o.MAC. Every program of the machine that runs the testbed is inside too. Memory is in
// MiB. With the userspace datapath the guest is offered no checksum offload, because that datapath forwards partial checksums as they
// are.
func (b *Testbed) AddMachine(name string, o GuestOptions, memory int) (*Guest, error) {
	if _, err := b.Guest(name); err == nil {
		return nil, fmt.Errorf("testbed: guest %s exists already", name)
	}
	h, err := b.Host(o.Host)
	if err != nil {
		return nil, err
	}
	var ports []vm.Port
	if o.AgentSocket != "" {
		ports = []vm.Port{{Name: "org.qemu.guest_agent.0", Socket: o.AgentSocket}}
	}
	m, err := vm.Boot(b.ctx, vm.Config{
		Memory: memory, CPUs: 1, Namespace: filepath.Join("/run/netns", h.Namespace.Name), Log: b.logf,
		NICs: []vm.NIC{{Device: o.Device, MAC: o.MAC, NoOffload: b.datapath() == DatapathUser}}, Ports: ports,
	})
	if err != nil {
		return nil, fmt.Errorf("testbed: guest %s: %w", name, err)
	}
	b.atClose(m.Close)
	g := &Guest{Name: name, Options: o, dir: b.Dir, machine: m, link: guestLink, clients: map[string]*Process{}}
	b.mu.Lock()
	b.guests[name] = g
	b.mu.Unlock()
	if _, err := g.Run(b.ctx, "ip", "link", "set", guestLink, "up"); err != nil {
		return nil, err
	}
	return g, g.awaitLinkLocal(b.ctx)
}

// awaitLinkLocal waits until duplicate address detection of the guest's link-local address is over (RFC 4862 5.4). dhclient does not wait
// for that.
func (g *Guest) awaitLinkLocal(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(probeTimeout))
	defer cancel()
	for {
		out, err := g.Run(ctx, "ip", "-6", "addr", "show", "dev", guestLink, "scope", "link", "-tentative")
		if err != nil || strings.Contains(out, "inet6 fe80:") {
			return err
		}
	}
}

// Run runs a command inside the guest and returns what it wrote to standard output. The error holds the command and what
// it wrote to standard error.
func (g *Guest) Run(ctx context.Context, name string, args ...string) (string, error) {
	if g.machine == nil {
		return g.Namespace.Run(ctx, name, args...)
	}
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(commandTimeout))
	defer cancel()
	var stdout, stderr bytes.Buffer
	code, err := g.machine.Run(ctx, vm.Command{Args: append([]string{name}, args...), Stdout: &stdout, Stderr: &stderr})
	if err == nil && code != 0 {
		err = fmt.Errorf("exit status %d", code)
	}
	if err != nil {
		return stdout.String(), fmt.Errorf("in %s: %s: %w: %s", g.Name, strings.Join(append([]string{name}, args...), " "), err,
			strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// Do runs f on a thread inside the guest's namespace; see Namespace.Do.
func (g *Guest) Do(f func() error) error {
	if g.machine != nil {
		return fmt.Errorf("testbed: guest %s is a virtual machine: it can only be told what to run", g.Name)
	}
	return g.Namespace.Do(f)
}

// exchange is the function exchange, run as a program inside the virtual machine.
func (g *Guest) exchange(ctx context.Context, address string, size int) error {
	program := filepath.Join(g.dir, childExchange)
	if err := linkSelf(program); err != nil {
		return err
	}
	_, err := g.Run(ctx, program, address, strconv.Itoa(size))
	return err
}

// exchangeMain is that program.
func exchangeMain(args []string) error {
	if len(args) != 2 {
		return errors.New("want an address and a number of bytes")
	}
	size, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timescale.Bound(probeTimeout))
	defer cancel()
	return exchange(ctx, func(dial func() error) error { return dial() }, args[0], size)
}

// Announce makes the guest's hypervisor announce it, as after a migration; see vm.Machine.Announce.
func (g *Guest) Announce(ctx context.Context) error {
	if g.machine == nil {
		return fmt.Errorf("testbed: guest %s has no hypervisor that announces it: send the frame", g.Name)
	}
	return g.machine.Announce(ctx)
}
