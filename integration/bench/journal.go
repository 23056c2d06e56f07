package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// journal follows all keys under the root and records when each was seen. Commits are timed by this clock.
type journal struct {
	mu     sync.Mutex
	change chan struct{} // closed and replaced at every batch
	report map[string]etcdschema.NodeReport
	ports  map[string]seenPort // desired ports, by node and project/name
	writes []string            // every key written, in order
	seen   map[string]int64    // the newest revision of every key
	// floating counts the floating addresses in each node's config, and newest is the newest revision of one.
	floating map[string]int
	newest   map[string]int64
	// gateways is what the router's status says of each host, and order its hosts in order of precedence.
	gateways map[string]etcdschema.GatewayState
	order    []string
	err      error
}

// seenPort is a desired port and when its key was last seen.
type seenPort struct {
	port     *desired.Port
	revision int64
	at       time.Time
}

func newJournal() *journal {
	return &journal{change: make(chan struct{}), report: map[string]etcdschema.NodeReport{}, ports: map[string]seenPort{},
		seen: map[string]int64{}, floating: map[string]int{}, newest: map[string]int64{}}
}

// follow runs until ctx ends.
func (j *journal) follow(ctx context.Context, c *etcdschema.Client) {
	prefixes := []etcdschema.Prefix{
		etcdschema.IntentPrefix(), etcdschema.AcceptedPrefix(), etcdschema.StatusPrefix(), etcdschema.ClaimPrefix(),
		etcdschema.DesiredPrefix(), etcdschema.ActualPrefix(),
	}
	err := c.Follow(ctx, prefixes, func(b etcdschema.Batch) error {
		now := time.Now()
		j.mu.Lock()
		defer j.mu.Unlock()
		for _, e := range b.Events {
			j.note(e, now)
		}
		close(j.change)
		j.change = make(chan struct{})
		return nil
	})
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = err
	close(j.change)
	j.change = make(chan struct{})
}

// note records one event. A value that cannot be decoded is counted as written and otherwise ignored.
func (j *journal) note(e etcdschema.Event, now time.Time) {
	_, known := j.seen[e.Key.String()]
	j.writes, j.seen[e.Key.String()] = append(j.writes, e.Key.String()), e.ModRevision
	if e.Deleted {
		delete(j.seen, e.Key.String())
	}
	if e.Key == etcdschema.StatusKey(model.ID{Project: project, Kind: model.KindRouter, Name: router}) && !e.Deleted {
		j.noteRouter(e)
	}
	node, item, head, ok := etcdschema.ParseDesired(e.Key)
	if ok && !head && item.Kind == desired.KindFloatingIP {
		j.newest[node] = e.ModRevision
		switch {
		case e.Deleted && known:
			j.floating[node]--
		case !e.Deleted && !known:
			j.floating[node]++
		}
	}
	if ok && !head && item.Kind == desired.KindPort {
		if e.Deleted {
			for k, p := range j.ports {
				if p.port.UID == item.UID && k == portKey(node, p.port.Project, p.port.Name) {
					delete(j.ports, k)
				}
			}
			return
		}
		if p, err := etcdschema.Decode[desired.Port](e.Value); err == nil {
			j.ports[portKey(node, p.Project, p.Name)] = seenPort{&p, e.ModRevision, now}
		}
		return
	}
	for _, n := range []string{hostMain, hostPeer} {
		if e.Key == etcdschema.ActualNode(n) && !e.Deleted {
			if r, err := etcdschema.Decode[etcdschema.NodeReport](e.Value); err == nil {
				j.report[n] = r
			}
		}
	}
}

// noteRouter records the router's status.
func (j *journal) noteRouter(e etcdschema.Event) {
	s, err := etcdschema.Decode[etcdschema.Status](e.Value)
	if err != nil {
		return
	}
	j.gateways = map[string]etcdschema.GatewayState{}
	for name, n := range s.Nodes {
		j.gateways[name] = n.Gateway
	}
	j.order = s.Allocated.GatewayHosts
}

func (j *journal) gatewayOrder() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.order
}

func portKey(node, project, name string) string { return node + " " + project + "/" + name }

// await waits until the condition holds. The condition is checked at every batch, under the lock.
func (j *journal) await(ctx context.Context, what string, cond func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		j.mu.Lock()
		ok, change, err := cond(), j.change, j.err
		j.mu.Unlock()
		if ok {
			return nil
		}
		if err != nil {
			return fmt.Errorf("waited for %s: %w", what, err)
		}
		select {
		case <-change:
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w", what, ctx.Err())
		}
	}
}

// awaitProgrammed waits until the host has processed the port's key of the revision after, or a newer one. It returns when the key was
// seen and when the report was seen.
func (j *journal) awaitProgrammed(ctx context.Context, node, project, name string, after int64) (resolved, programmed time.Time, err error) {
	err = j.await(ctx, "port "+project+"/"+name+" to be programmed on "+node, func() bool {
		p, ok := j.ports[portKey(node, project, name)]
		if !ok || p.revision <= after || j.report[node].ProcessedRevision < p.revision {
			return false
		}
		resolved = p.at
		return true
	})
	return resolved, time.Now(), err
}

// awaitGone waits until the port is not in the node's config any more and the node has processed that.
func (j *journal) awaitGone(ctx context.Context, node, project, name string, revision int64) error {
	return j.await(ctx, "port "+project+"/"+name+" to be gone from "+node, func() bool {
		_, there := j.ports[portKey(node, project, name)]
		return !there && j.report[node].ProcessedRevision > revision
	})
}

// mark is a place in the list of writes; since lists what came after it.
func (j *journal) mark() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.writes)
}

func (j *journal) since(mark int) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.writes[mark:]...)
}

func (j *journal) nodeReport(node string) etcdschema.NodeReport {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.report[node]
}

func (j *journal) port(node, project, name string) (*desired.Port, int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	p := j.ports[portKey(node, project, name)]
	return p.port, p.revision
}
