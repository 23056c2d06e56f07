package testbed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"weft/integration/testbed/lease"
	"weft/integration/timescale"
)

// Client is a real DHCP client.
type Client string

// The clients a guest can run; one of each at a time.
const (
	Udhcpc    Client = "udhcpc"    // DHCPv4
	Dhclient4 Client = "dhclient4" // DHCPv4
	Dhclient6 Client = "dhclient6" // DHCPv6
)

const leaseTimeout = 30 * time.Second

// dhclientConf asks for everything that Weft serves. The client gives up after the timeout.
const dhclientConf = `option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;
timeout 20;
retry 2;
initial-interval 1;
initial-delay 0;
request subnet-mask, broadcast-address, routers, domain-name, domain-name-servers, host-name, interface-mtu,
	ntp-servers, rfc3442-classless-static-routes, dhcp6.name-servers, dhcp6.domain-search, dhcp6.sntp-servers;
`

func (c Client) script() string {
	if c == Udhcpc {
		return lease.Udhcpc
	}
	return lease.Dhclient
}

// Lease starts the client in the guest and waits for its lease. The client keeps running and renews. requested is the IPv4 address that
// udhcpc asks for, or empty.
func (g *Guest) Lease(ctx context.Context, c Client, requested string) (lease.Event, error) {
	path, args, err := g.clientArgs(c, requested)
	if err != nil {
		return lease.Event{}, err
	}
	g.mu.Lock()
	p, ok := g.clients[string(c)]
	if !ok {
		p = g.testbed.process(string(c)+" "+g.Name, g.Namespace, nil, path, args...)
		g.clients[string(c)] = p
	}
	g.mu.Unlock()
	p.Kill()
	p.args = args
	mark := g.testbed.leases.mark()
	if err := p.Start(); err != nil {
		return lease.Event{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(leaseTimeout))
	defer cancel()
	return g.testbed.leases.wait(ctx, mark, filepath.Base(g.dir), c.script(), p,
		"bound", "BOUND", "REBOOT", "BOUND6", "RENEW6", "REBIND6")
}

func (g *Guest) clientArgs(c Client, requested string) (path string, args []string, err error) {
	script := filepath.Join(g.dir, c.script())
	if err := os.Symlink(filepath.Join(g.testbed.conf.Binaries, lease.Program), script); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", nil, fmt.Errorf("testbed: guest %s: %w", g.Name, err)
	}
	if c == Udhcpc {
		args = []string{"-f", "-n", "-i", g.link, "-s", script, "-t", "8", "-T", "1", "-p", filepath.Join(g.dir, "udhcpc.pid"),
			"-O", "mtu", "-O", "ntpsrv", "-O", "staticroutes"}
		if requested != "" {
			args = append(args, "-r", requested)
		}
		return "udhcpc", args, nil
	}
	conf := filepath.Join(g.dir, "dhclient.conf")
	if err := os.WriteFile(conf, []byte(dhclientConf), 0o644); err != nil {
		return "", nil, fmt.Errorf("testbed: guest %s: %w", g.Name, err)
	}
	family := "-4"
	if c == Dhclient6 {
		family = "-6"
	}
	return "dhclient", []string{family, "-1", "-d", "-v", "-cf", conf, "-sf", script, "-lf", g.LeaseFile(c),
		"-pf", filepath.Join(g.dir, string(c)+".pid"), g.link}, nil
}

// LeaseFile is where dhclient keeps its leases. A lease that is written there before Lease is taken by the client as its own.
func (g *Guest) LeaseFile(c Client) string { return filepath.Join(g.dir, string(c)+".leases") }

// onFile says that dhclient's lease file ends in a whole lease.
func (g *Guest) onFile(c Client) bool {
	data, err := os.ReadFile(g.LeaseFile(c))
	return err == nil && strings.HasSuffix(strings.TrimSpace(string(data)), "}")
}

// Renew makes the running client renew and waits for the answer. udhcpc gets a signal (RENEWING). dhclient is killed and started again,
// and confirms the lease on file (INIT-REBOOT, or Confirm or Rebind).
func (g *Guest) Renew(ctx context.Context, c Client) (lease.Event, error) {
	p, err := g.client(c)
	if err != nil {
		return lease.Event{}, err
	}
	if c != Udhcpc {
		// dhclient writes the lease after its script has sent the event.
		if err := p.alive(ctx, func() bool { return g.onFile(c) }); err != nil {
			return lease.Event{}, err
		}
		return g.Lease(ctx, c, "")
	}
	mark := g.testbed.leases.mark()
	if err := p.Signal(syscall.SIGUSR1); err != nil {
		return lease.Event{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(leaseTimeout))
	defer cancel()
	return g.testbed.leases.wait(ctx, mark, filepath.Base(g.dir), c.script(), p, "renew", "bound")
}

// Release makes the client give its lease back and ends it.
func (g *Guest) Release(ctx context.Context, c Client) error {
	p, err := g.client(c)
	if err != nil {
		return err
	}
	mark := g.testbed.leases.mark()
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(leaseTimeout))
	defer cancel()
	if c == Udhcpc {
		if err := p.Signal(syscall.SIGUSR2); err != nil {
			return err
		}
		if _, err := g.testbed.leases.wait(ctx, mark, filepath.Base(g.dir), c.script(), p, "deconfig"); err != nil {
			return err
		}
		p.Kill()
		return nil
	}
	p.Kill()
	args := append([]string{"-r"}, p.args...)
	_, err = g.Run(ctx, p.path, args...)
	return err
}

// StopClients ends the guest's DHCP clients without releasing anything.
func (g *Guest) StopClients() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.clients {
		p.Kill()
	}
}

func (g *Guest) client(c Client) (*Process, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, ok := g.clients[string(c)]
	if !ok || !p.Running() {
		return nil, fmt.Errorf("testbed: guest %s runs no %s", g.Name, c)
	}
	return p, nil
}
