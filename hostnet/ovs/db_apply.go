package ovs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"weft/hostnet/object"
)

// How long the switch may take to carry out a transaction. Creating one port takes up to 0.4 s beside 1,000 others.
const (
	settleTimeout        = 15 * time.Second
	settleTimeoutPerItem = 500 * time.Millisecond
)

// applyDatabase makes the changes in one transaction and waits until the switch has carried out what it must. Then it verifies
// each change against the database.
func (d *Driver) applyDatabase(ctx context.Context, changes []dbChange, errs []error) {
	db, err := d.connected(ctx)
	if err != nil {
		fail(changes, errs, err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout+time.Duration(len(changes))*settleTimeoutPerItem)
	defer cancel()
	ctx, stop := d.whileAlive(ctx, changes)
	defer stop()
	if err := d.reopen(ctx, db, changes); err != nil {
		fail(changes, errs, err)
		return
	}
	sent, cfg := d.transact(ctx, db, changes, errs)
	if len(sent) == 0 {
		return
	}
	if err := db.AwaitCarriedOut(ctx, cfg); err != nil {
		fail(sent, errs, fmt.Errorf("in the database, but ovs-vswitchd has not carried it out: %w", err))
		return
	}
	d.syncBridges(db)
	r := db.read()
	if err := d.clearPorts(ctx, r, sent); err != nil {
		fail(sent, errs, fmt.Errorf("taking off what somebody set on ports: %w", err))
		return
	}
	for _, c := range sent {
		errs[c.at] = d.verifyDatabase(ctx, r, c.change)
	}
}

// A switch that does not run is given up after this many checks at this interval. So other work of the same pass need not wait as
// long as for a slow switch.
const (
	aliveEvery  = 500 * time.Millisecond
	aliveMisses = 4
)

// whileAlive returns a context that ends with errSwitchLost when the switch is gone. There is no check for a batch that changes
// bridges, and on a host without a bridge of ours, because there is no socket to check then. The caller must call stop, which
// waits.
func (d *Driver) whileAlive(ctx context.Context, changes []dbChange) (alive context.Context, stop func()) {
	bridge := ""
	for name := range d.flowCaches() {
		bridge = name
	}
	ofBridge := func(c dbChange) bool { return c.change.Key().Kind == object.KindBridge }
	if bridge == "" || slices.ContainsFunc(changes, ofBridge) {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(aliveEvery)
		defer tick.Stop()
		for misses := 0; misses < aliveMisses; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			misses++
			if d.flows.alive(ctx, bridge) {
				misses = 0
			}
		}
		cancel(errSwitchLost)
	}()
	return ctx, func() { cancel(nil); <-done }
}

func fail(changes []dbChange, errs []error, err error) {
	for _, c := range changes {
		errs[c.at] = fmt.Errorf("%s: %w", c.change.Key(), err)
	}
}

// transact commits the changes. If the server refuses, it halves them until the refused ones are alone. It returns the committed
// changes and the next_cfg to wait for. That is 0 if the switch has nothing to carry out.
func (d *Driver) transact(ctx context.Context, db *database, changes []dbChange, errs []error) (sent []dbChange, cfg int) {
	t := newDBChanges(db.read())
	for _, c := range changes {
		if err := t.add(c.change); err != nil {
			errs[c.at] = fmt.Errorf("%s: %w", c.change.Key(), err)
			continue
		}
		sent = append(sent, c)
	}
	ops := t.finish()
	if len(ops) == 0 {
		return sent, 0
	}
	cfg, err := db.Commit(ctx, ops, t.carried)
	if err == nil {
		return sent, cfg
	}
	if len(sent) == 1 || db.Lost() || ctx.Err() != nil {
		fail(sent, errs, err)
		return nil, 0
	}
	half := len(sent) / 2
	first, a := d.transact(ctx, db, sent[:half], errs)
	second, b := d.transact(ctx, db, sent[half:], errs)
	return slices.Concat(first, second), max(a, b)
}

// verifyDatabase compares one object with what the switch has made of it.
func (d *Driver) verifyDatabase(ctx context.Context, r *rows, c object.Change) error {
	key := c.Key()
	if c.Op == object.Delete {
		if o := r.object(key); o != nil && o.Owner() != "" {
			return fmt.Errorf("%s: is still there", key)
		}
		return nil
	}
	if b, ok := c.Desired.(*object.Bridge); ok {
		return d.verifyBridge(ctx, r, b)
	}
	err := r.db.Await(ctx, func() bool {
		p, ok := r.port(key.Name)
		return !ok || p.opened()
	})
	if err != nil {
		return fmt.Errorf("%s: the switch has not opened the device: %w", key, err)
	}
	p, ok := r.port(key.Name)
	if !ok {
		return fmt.Errorf("%s: somebody has removed it again", key)
	}
	if why := p.problem(); why != "" {
		return fmt.Errorf("%s: %s", key, why)
	}
	return differs(key, c.Desired, d.observed(r, key))
}

// verifyBridge sets the fragment mode, which is not in the database, and compares.
func (d *Driver) verifyBridge(ctx context.Context, r *rows, b *object.Bridge) error {
	if b.Fragments != "" {
		if err := d.flows.setFragments(ctx, b.Name, b.Fragments); err != nil {
			return fmt.Errorf("%s: setting fragments: %w", b.Key(), err)
		}
	}
	if v := d.flowCacheOf(b.Name); v != nil {
		if err := d.readFragments(ctx, b.Name, v); err != nil {
			return fmt.Errorf("%s: reading fragments: %w", b.Key(), err)
		}
	}
	return differs(b.Key(), b, d.observed(r, b.Key()))
}

func differs(key object.Key, desired, observed object.Object) error {
	if observed == nil {
		return fmt.Errorf("%s: somebody has removed it again", key)
	}
	var texts []string
	for _, diff := range desired.Diff(observed) {
		texts = append(texts, diff.String())
	}
	if len(texts) > 0 {
		return fmt.Errorf("%s: was set, but reads back differently: %s", key, strings.Join(texts, "; "))
	}
	return nil
}
