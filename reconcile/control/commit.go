package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"weft/etcdschema"
)

const (
	// transactionUnits bounds the units of one transaction, so that news is taken in between. laterUnits is the bound for units that
	// can wait.
	transactionUnits = 2000
	laterUnits       = 250
	// besideUnits: when at most this number of sets waits, they are written in the same transaction as the units that caused them.
	besideUnits = 8
	// raceTries bounds how often one unit is tried again after a lost race.
	raceTries = 8
)

var errLostRace = errors.New("another replica was faster")

// work makes one transaction of as many units as fit.
func (l *loop) work(ctx context.Context) {
	if l.rebuild && !l.restoreClaims(ctx) {
		return
	}
	start := time.Now()
	tx, units := l.planner.fill()
	l.metrics.stage("plan", start)
	err := l.commit(ctx, tx)
	switch {
	case err == nil:
		l.planner.finished(units)
	case ctx.Err() == nil && !errors.Is(err, errUnknown):
		l.singly(ctx, units)
	default:
		l.failed(ctx, units, err)
	}
}

// singly does units one by one. When etcd fails meanwhile, the rest goes back into the queue.
func (l *loop) singly(ctx context.Context, units []unit) {
	for _, u := range units {
		if time.Now().Before(l.retryAt) {
			l.planner.queue.add(u)
			continue
		}
		l.turned()
		l.single(ctx, u)
	}
}

// failed puts units of unknown outcome back into the queue. The next try reads again what it finds changed.
func (l *loop) failed(ctx context.Context, units []unit, err error) {
	for _, u := range units {
		l.planner.queue.add(u)
	}
	l.later(ctx, "a round", err)
}

// fill begins a transaction. It evaluates units of one class as long as they fit, and a few sets with them.
func (p *planner) fill() (tx *transaction, units []unit) {
	tx = p.cache.begin()
	class, most := p.queue.turn(), transactionUnits
	if class != classAsked {
		most = laterUnits
	}
	p.queue.comparing = class == classRest
	defer func() { p.queue.comparing = false }()
	for len(units) < most {
		u, ok := p.queue.next(p.cache, class)
		if !ok && class == classAsked && p.queue.piles[classSets].len() <= besideUnits {
			class = classSets
			u, ok = p.queue.next(p.cache, class)
		}
		if !ok {
			break
		}
		if p.cache.kinds.class(u) == classSets && p.sets.Hold(u, p.settings.Now()) {
			continue // it is queued again when its wait is over
		}
		m := tx.mark()
		err := p.do(tx, u)
		if err == nil && !tx.fits() && len(units) > 0 {
			tx.rollback(m)
			p.queue.back()
			break
		}
		if err == nil && !tx.fits() {
			err = fmt.Errorf("needs %d operations and %d bytes in one transaction, at most %d and %d are possible",
				tx.size(), tx.bytes, etcdschema.MaxTxnOps, etcdschema.MaxTxnBytes)
		}
		if err != nil {
			tx.rollback(m)
			p.stuck(u, err)
			continue
		}
		units = append(units, u)
	}
	return tx, units
}

// fits says that the transaction is not too large for etcd, with room for the heads.
func (tx *transaction) fits() bool {
	return tx.size() <= etcdschema.MaxTxnOps && tx.bytes+len(tx.nodes)*256 <= etcdschema.MaxTxnBytes
}

// stuck records a unit that cannot be done as things are. It is tried again later. The status of the object says why.
func (p *planner) stuck(u unit, err error) {
	p.retries.Failed(u, p.settings.Now())
	if u.kind != unitObject {
		return
	}
	cond := &condition{phase: etcdschema.PhasePending}
	cond.pending("", "cannot be written: "+err.Error())
	p.conditions[u.id] = cond
	p.statusOf(u.id)
}

// finished records units that were done.
func (p *planner) finished(units []unit) {
	for _, u := range units {
		p.retries.Done(u)
	}
}

var (
	// errUnknown is the error of a transaction that may or may not have happened.
	errUnknown = errors.New("etcd did not answer")
	// errRefused is the error of a transaction that etcd refuses.
	errRefused = errors.New("etcd refuses it")
)

// commit writes the transaction to etcd, or rolls it back.
func (l *loop) commit(ctx context.Context, tx *transaction) error {
	if err := tx.sealHeads(); err != nil {
		tx.abandon()
		return err
	}
	if len(tx.writes) == 0 {
		tx.confirm(l.cache.Revision)
		return nil
	}
	start := time.Now()
	lease, err := l.leaseFor(ctx, tx)
	if err != nil {
		tx.abandon()
		return fmt.Errorf("%w: %w", errUnknown, err)
	}
	t := tx.forEtcd(lease)
	t.Fence(l.lead)
	revision, committed, err := l.config.Client.Commit(ctx, t)
	l.metrics.stage("commit", start)
	switch {
	case err != nil:
		doubtful := maps.Clone(tx.writes)
		tx.abandon()
		l.leases = holdLease{} // the cause may be that the lease is gone
		l.metrics.transactions.WithLabelValues("failed").Inc()
		if etcdschema.Refused(err) {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		l.planner.doubtful = doubtful
		return fmt.Errorf("%w: %w", errUnknown, err)
	case !committed:
		tx.abandon()
		l.metrics.transactions.WithLabelValues("lost").Inc()
		return errLostRace
	}
	tx.confirm(revision)
	l.committed(tx, revision)
	return nil
}

func (l *loop) committed(tx *transaction, revision int64) {
	l.retryDelay = 0
	l.metrics.committed(tx)
	l.planner.confirmed(tx)
	for k := range tx.writes {
		if revision > l.cache.Revision {
			l.own.note(k, revision)
		}
		if _, repaired := l.planner.foreign[k]; repaired {
			delete(l.planner.foreign, k)
			l.metrics.drift.Inc()
			l.log.Warn("somebody else changed a node config: it is repaired", "key", k.String())
		}
	}
}

// single does one unit in a transaction of its own. After a lost race it reads the keys again.
func (l *loop) single(ctx context.Context, u unit) {
	defer func() { l.planner.spread = false }()
	for range raceTries {
		tx := l.cache.begin()
		if err := l.planner.do(tx, u); err != nil {
			tx.abandon()
			l.planner.stuck(u, err)
			return
		}
		keys, requires := tx.keys(), tx.requires
		err := l.commit(ctx, tx)
		switch {
		case err == nil:
			l.planner.retries.Done(u)
			return
		case errors.Is(err, errUnknown) || ctx.Err() != nil:
			l.failed(ctx, []unit{u}, err)
			return
		case !errors.Is(err, errLostRace):
			l.log.Error("cannot write what an object needs, trying again later", "unit", u.String(), "error", err)
			l.planner.stuck(u, err)
			return
		}
		l.planner.spread = true
		for k := range requires {
			keys = append(keys, k)
		}
		if err := l.readAgain(ctx, keys); err != nil {
			l.failed(ctx, []unit{u}, err)
			return
		}
		if !l.stillLeading(ctx) {
			l.failed(ctx, []unit{u}, errors.New("the leadership is lost"))
			return
		}
	}
	l.failed(ctx, []unit{u}, errLostRace)
}

// readAgain updates keys in the cache without waiting for the watch. Deletions that mass-change protection counts are left to the
// watch, because only a whole batch shows a mass deletion. Key by key they would be carried out without it noticing.
func (l *loop) readAgain(ctx context.Context, keys []etcdschema.Key) error {
	slices.SortFunc(keys, compareKeys)
	for _, k := range slices.Compact(keys) {
		if network, ok := etcdschema.ParseRoutedPrefixGuard(k); ok {
			if err := l.readPrefixes(ctx, network); err != nil {
				return err
			}
		}
		it, ok, err := l.config.Client.Get(ctx, k)
		if err != nil {
			return err
		}
		l.own.forget(k)
		if have := l.cache.entries[k]; ok && have != nil && have.mod == it.ModRevision || !ok && have == nil {
			continue
		}
		if a := area(k); !ok && (a == "intent" || a == "accepted") {
			continue
		}
		ev := etcdschema.Event{Item: it, Deleted: !ok}
		if !ok {
			ev.Key, ev.ModRevision = k, l.cache.mod(k)
		}
		l.planner.apply(ev, l.own.revisions)
	}
	return nil
}

// readPrefixes updates all claims of prefixes on an external network, because the replica that was faster has claimed another key.
func (l *loop) readPrefixes(ctx context.Context, network string) error {
	items, _, err := l.config.Client.List(ctx, etcdschema.RoutedPrefixClaims(network))
	if err != nil {
		return err
	}
	for _, it := range items {
		if l.cache.mod(it.Key) != it.ModRevision {
			l.planner.apply(etcdschema.Event{Item: it}, l.own.revisions)
		}
	}
	return nil
}

func (l *loop) stillLeading(ctx context.Context) bool {
	it, ok, err := l.config.Client.Get(ctx, l.lead.Key())
	return err != nil || ok && it.CreateRevision == l.lead.Revision()
}

// restoreClaims writes the claims that only nodes still know, before anything else is written.
func (l *loop) restoreClaims(ctx context.Context) bool {
	missing := l.planner.rebuildClaims()
	for len(missing) > 0 {
		tx := l.cache.begin()
		for k, cl := range missing {
			if !tx.fits() || len(tx.writes) >= etcdschema.MaxTxnOps-10 {
				break
			}
			delete(missing, k)
			if _, err := tx.put(k, cl, true); err != nil {
				l.log.Error("cannot rebuild a claim", "claim", k.String(), "error", err)
			}
		}
		keys := tx.keys()
		if err := l.commit(ctx, tx); err != nil {
			if errors.Is(err, errLostRace) {
				err = l.readAgain(ctx, keys)
			}
			l.later(ctx, "rebuilding claims from what nodes report", err)
			return false
		}
	}
	l.rebuild = false
	l.log.Info("rebuilt claims from the reports of nodes")
	return true
}
