package scale

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control"
)

// Started says how long a port waited for a controller.
type Started struct {
	Placed, Programmed time.Duration
	// List is how long the raw list of everything takes. A controller starts with such a list.
	List time.Duration
	Keys int
}

// ColdStart stops the controller, declares a port, starts the controller again, and measures from its start until the port is
// placed and programmed.
func (c *Cloud) ColdStart(ctx context.Context) (s Started, err error) {
	if err := c.settle(ctx); err != nil {
		return s, err
	}
	p := c.controllers[0]
	if err := p.Stop(); err != nil {
		return s, err
	}
	if s.List, s.Keys, err = c.list(ctx, etcdschema.AllPrefix()); err != nil {
		return s, err
	}
	o := c.another(projectName(0), networkName(routedNetworks))
	if err := c.put(ctx, []model.Object{o}); err != nil {
		return s, err
	}
	start := time.Now()
	if err := p.Start(); err != nil {
		return s, err
	}
	state, err := c.watch.awaitPort(ctx, o.Metadata.Project+"/"+o.Metadata.Name)
	s.Placed, s.Programmed = state.placed.Sub(start), state.programmed.Sub(start)
	return s, err
}

// list reads prefixes raw and says how long that took.
func (c *Cloud) list(ctx context.Context, prefixes ...etcdschema.Prefix) (took time.Duration, keys int, err error) {
	start := time.Now()
	for _, p := range prefixes {
		items, _, err := c.client.List(ctx, p)
		if err != nil {
			return 0, 0, err
		}
		keys += len(items)
	}
	return time.Since(start), keys, nil
}

// Takeover adds a replica and waits until it has read everything. Then it ends the leader, by SIGKILL or SIGTERM. It measures from the
// leader's end until a port that is declared then is placed and programmed.
func (c *Cloud) Takeover(ctx context.Context, kill bool) (s Started, err error) {
	leader := c.controllers[0]
	standby := fmt.Sprintf("c%d", len(c.testbed.Processes())) // etcd is one of them
	if err := c.AddController(standby); err != nil {
		return s, err
	}
	if err := c.awaitStandby(ctx, standby); err != nil {
		return s, err
	}
	if err := c.settle(ctx); err != nil {
		return s, err
	}
	if kill {
		leader.Kill()
	} else if err := leader.Stop(); err != nil {
		return s, err
	}
	start := time.Now()
	c.controllers = c.controllers[1:]
	o := c.another(projectName(0), networkName(routedNetworks))
	if err := c.put(ctx, []model.Object{o}); err != nil {
		return s, err
	}
	state, err := c.watch.awaitPort(ctx, o.Metadata.Project+"/"+o.Metadata.Name)
	s.Placed, s.Programmed = state.placed.Sub(start), state.programmed.Sub(start)
	return s, err
}

// standbyPoll is how often a replica is asked whether it has read everything. Outside of the replica there is no event for it.
const standbyPoll = 50 * time.Millisecond

// awaitStandby waits until the replica has read everything.
func (c *Cloud) awaitStandby(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(standbyPoll)
	defer tick.Stop()
	for {
		h, err := health(ctx, filepath.Join(c.testbed.Dir, name, "controller.sock"))
		if err == nil && h.Revision > 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s has not read everything: %w", name, errors.Join(err, ctx.Err()))
		}
	}
}

// health reads a replica's health from its debug socket.
func health(ctx context.Context, socket string) (h control.Health, err error) {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://controller/healthz", nil)
	if err != nil {
		return h, err
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return h, err
	}
	defer res.Body.Close()
	return h, json.NewDecoder(res.Body).Decode(&h)
}

// Log is the end of the logs of the cloud's processes, to explain an error.
func (c *Cloud) Log() string {
	var b strings.Builder
	for _, p := range c.testbed.Processes() {
		fmt.Fprintf(&b, "%s:\n%s", p.Name, p.Tail(logTail))
	}
	return b.String()
}

const logTail = 2000

// SessionTTL is the time after a leader's death when its session ends and another replica takes over.
const SessionTTL = control.DefaultSessionTTL
