package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"weft/etcdschema"
	"weft/hostnet/object"
	"weft/integration/testbed"
	"weft/model"
)

// echoPort is where the guest answers, and probeEvery how often the outside asks.
const (
	echoPort   = "7"
	probeEvery = time.Millisecond
	reloadRuns = 3
)

// associate measures (h): an existing floating address is given to a port. The figure is the time until somebody outside, who asks all
// the time, gets the guest's first answer.
func (b *bench) associate(ctx context.Context, n int) error {
	c := b.cloud
	echo, err := c.serveEcho()
	if err != nil {
		return err
	}
	defer echo.close()
	outside, err := c.impatient()
	if err != nil {
		return err
	}
	var took series
	for i := range b.runs {
		d, err := c.associateOnce(ctx, outside, n+i)
		if err != nil {
			return err
		}
		took = append(took, d)
	}
	b.table.add(row{what: "(h) floating address associated → first answer outside", ports: n, p50: took.p50(), p99: took.p99()})
	return nil
}

// impatient makes the guest outside ask for an unknown neighbor every 10 ms instead of every second, so that the figure does not contain
// that interval.
func (c *cloud) impatient() (*testbed.Guest, error) {
	g, err := c.testbed.Guest(far)
	if err != nil {
		return nil, err
	}
	return g, errors.Join(g.Sysctl("net.ipv4.neigh.eth0.retrans_time_ms", "10"), g.Sysctl("net.ipv4.neigh.eth0.mcast_solicit", "1000"))
}

// associateOnce associates the k-th address, and frees it afterwards. It is not used again.
func (c *cloud) associateOnce(ctx context.Context, outside *testbed.Guest, k int) (time.Duration, error) {
	name := fmt.Sprintf("measured-%d", k)
	free := floating(name, k+20000, "", model.Address{})
	revision, err := c.put(ctx, free)
	if err != nil {
		return 0, err
	}
	if err := c.accepted(ctx, free.ID(), revision); err != nil {
		return 0, err
	}
	if err := c.settle(ctx); err != nil {
		return 0, err
	}
	probe, err := startProbe(outside, net.JoinHostPort(floatingAddress(k+20000).String(), echoPort))
	if err != nil {
		return 0, err
	}
	defer probe.close()
	if _, err := c.put(ctx, floating(name, k+20000, inner, address(innerAddr))); err != nil {
		return 0, err
	}
	start := time.Now()
	at, err := probe.first(ctx)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	if _, err = c.remove(ctx, free.ID()); err != nil {
		return 0, err
	}
	return at.Sub(start), c.settle(ctx)
}

// accepted waits until the controllers have taken the object's intent.
func (c *cloud) accepted(ctx context.Context, id model.ID, revision int64) error {
	key := etcdschema.AcceptedKey(id).String()
	return c.journal.await(ctx, id.String()+" to be accepted", func() bool { return c.journal.seen[key] > revision })
}

// reload measures (i): the router's whole nftables table is deleted by hand and restored. The floor is nft -f of the same maps.
func (b *bench) reload(ctx context.Context, n int) error {
	c := b.cloud
	namespace, err := c.routerNamespace()
	if err != nil {
		return err
	}
	var load, healed, floor series
	for range reloadRuns {
		script, err := c.host.Run(ctx, "nsenter", "--net="+namespace, "nft", "list", "table", "inet", "weft")
		if err != nil {
			return err
		}
		took, err := c.rawTable(ctx, script)
		if err != nil {
			return err
		}
		floor = append(floor, took)
		before, err := c.stages(ctx)
		if err != nil {
			return err
		}
		if took, err = c.lostTable(ctx, namespace, n); err != nil {
			return err
		}
		healed = append(healed, took)
		after, err := c.stages(ctx)
		if err != nil {
			return err
		}
		load = append(load, after["apply_nft"].sum-before["apply_nft"].sum)
	}
	b.table.add(row{what: "(i) all mappings into an empty table", ports: n, p50: load.p50(), p99: load.p99(), goal: "≤ 1.5 × floor",
		versus: fmt.Sprintf("nft -f %s / %s: %.2f×", ms(floor.p50()), ms(floor.p99()), ratio(load.p50(), floor.p50()))})
	b.table.add(row{what: "(i) NAT table deleted by hand → healed", ports: n, p50: healed.p50(), p99: healed.p99(),
		versus: "noticed, planned, loaded, read back"})
	return nil
}

// routerNamespace is the file of the only router's namespace on the main host.
func (c *cloud) routerNamespace() (string, error) {
	found, err := filepath.Glob(filepath.Join(c.host.Dir, "netns", object.NamespacePrefix+"router-*"))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("the main host has %d routers' namespaces, not one", len(found))
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}

// chainBlock is a chain in nft's listing of a table.
var chainBlock = regexp.MustCompile(`(?m)^\tchain [^\n]* \{\n(?s:.*?)^\t\}\n`)

// ruleElements are the elements of a set that rules fill, in the same listing. They name devices that only the router's namespace has.
var ruleElements = regexp.MustCompile(`(flags dynamic[^{}]*?)\telements = \{[^{}]*\}\n`)

// rawTable loads the same table into an empty namespace with nft -f, without its chains and without what its rules have noted. nft(8)
// lists some expressions of chains in a form that it cannot read, and the rules are a hundredth of the table.
func (c *cloud) rawTable(ctx context.Context, table string) (time.Duration, error) {
	file := filepath.Join(c.testbed.Dir, "table.nft")
	table = ruleElements.ReplaceAllString(chainBlock.ReplaceAllString(table, ""), "$1")
	if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
		return 0, err
	}
	g, err := c.testbed.Guest(near)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if _, err := g.Run(ctx, "nft", "-f", file); err != nil {
		return 0, err
	}
	took := time.Since(start)
	_, err = g.Run(ctx, "nft", "delete", "table", "inet", "weft")
	return took, err
}

// lostTable deletes the router's table and waits until the reconciler has counted every mapping as repaired. It counts them once they are
// read back.
func (c *cloud) lostTable(ctx context.Context, namespace string, n int) (time.Duration, error) {
	before, err := c.repaired(ctx)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if _, err := c.host.Run(ctx, "nsenter", "--net="+namespace, "nft", "delete", "table", "inet", "weft"); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		now, err := c.repaired(ctx)
		if err != nil {
			return 0, err
		}
		if now >= before+float64(n) {
			return time.Since(start), c.settle(ctx)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return 0, fmt.Errorf("%.0f of %d mappings were repaired: %w", now-before, n, ctx.Err())
		}
	}
}

func (c *cloud) repaired(ctx context.Context) (float64, error) {
	page, err := ask(ctx, c.host, "/metrics")
	return counter(page, `weft_drift_repaired_total`), err
}
