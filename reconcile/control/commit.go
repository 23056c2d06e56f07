package control

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/kind"
)

// raceTries bounds how often one work item is tried again after a lost race.
const raceTries = 8

var errLostRace = errors.New("another replica was faster")

var (
	// errUnknown is the error of a transaction that may or may not have happened.
	errUnknown = errors.New("etcd did not answer")
	// errRefused is the error of a transaction that etcd refuses.
	errRefused = errors.New("etcd refuses it")
)

// work makes one transaction of as many work items as fit.
func (l *loop) work(ctx context.Context) {
	if l.rebuild && !l.restoreClaims(ctx) {
		return
	}
	start := time.Now()
	tx, work := l.planner.Fill()
	l.metrics.stage("plan", start)
	err := l.commit(ctx, tx)
	switch {
	case err == nil:
		l.planner.Finished(work)
	case ctx.Err() == nil && !errors.Is(err, errUnknown):
		l.singly(ctx, work)
	default:
		l.failed(ctx, work, err)
	}
}

// singly does work items one by one. When etcd fails meanwhile, the rest goes back into the queue.
func (l *loop) singly(ctx context.Context, work []cache.Work) {
	for _, u := range work {
		if time.Now().Before(l.retryAt) {
			l.planner.Queue.Add(u)
			continue
		}
		l.turned()
		l.single(ctx, u)
	}
}

// failed puts work items of unknown outcome back into the queue. The next try reads again what it finds changed.
func (l *loop) failed(ctx context.Context, work []cache.Work, err error) {
	for _, u := range work {
		l.planner.Queue.Add(u)
	}
	l.later(ctx, "a transaction", err)
}

// commit writes the transaction to etcd, or rolls it back.
func (l *loop) commit(ctx context.Context, tx *cache.Transaction) error {
	if err := tx.SealHeads(); err != nil {
		tx.Abandon()
		return err
	}
	if len(tx.Writes) == 0 {
		tx.Confirm(l.cache.Revision)
		return nil
	}
	start := time.Now()
	leases, err := l.leasesFor(ctx, tx)
	if err != nil {
		tx.Abandon()
		return fmt.Errorf("%w: %w", errUnknown, err)
	}
	t := tx.ForEtcd(leases)
	t.Fence(l.lead)
	revision, committed, err := l.config.Client.Commit(ctx, t)
	l.metrics.stage("commit", start)
	switch {
	case err != nil:
		doubtful := maps.Clone(tx.Writes)
		tx.Abandon()
		clear(l.leases) // the cause may be that a lease is gone
		l.metrics.transactions.WithLabelValues("failed").Inc()
		if etcdschema.Refused(err) {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		l.planner.Doubtful = doubtful
		return fmt.Errorf("%w: %w", errUnknown, err)
	case !committed:
		tx.Abandon()
		l.metrics.transactions.WithLabelValues("lost").Inc()
		return errLostRace
	}
	tx.Confirm(revision)
	l.committed(tx, revision)
	return nil
}

func (l *loop) committed(tx *cache.Transaction, revision int64) {
	l.retryDelay = 0
	l.metrics.committed(tx)
	l.planner.Confirmed(tx)
	for k := range tx.Writes {
		if revision > l.cache.Revision {
			l.own.note(k, revision)
		}
		if _, repaired := l.planner.Foreign[k]; repaired {
			delete(l.planner.Foreign, k)
			l.metrics.drift.Inc()
			l.log.Warn("somebody else changed a node config: it is repaired", "key", k.String())
		}
	}
}

// single does one work item in a transaction of its own. After a lost race it reads the keys again.
func (l *loop) single(ctx context.Context, u cache.Work) {
	defer func() { l.planner.Claims.Spread = false }()
	for range raceTries {
		tx := l.cache.Begin()
		if err := l.planner.Do(tx, u); err != nil {
			tx.Abandon()
			l.planner.Stuck(u, err)
			return
		}
		keys, requires := tx.Keys(), tx.Requires
		err := l.commit(ctx, tx)
		switch {
		case err == nil:
			l.planner.Retries.Done(u)
			return
		case errors.Is(err, errUnknown) || ctx.Err() != nil:
			l.failed(ctx, []cache.Work{u}, err)
			return
		case !errors.Is(err, errLostRace):
			l.log.Error("cannot write what an object needs, trying again later", "work", u.String(), "error", err)
			l.planner.Stuck(u, err)
			return
		}
		l.planner.Claims.Spread = true
		for k := range requires {
			keys = append(keys, k)
		}
		if err := l.readAgain(ctx, keys); err != nil {
			l.failed(ctx, []cache.Work{u}, err)
			return
		}
		if !l.stillLeading(ctx) {
			l.failed(ctx, []cache.Work{u}, errors.New("the leadership is lost"))
			return
		}
	}
	l.failed(ctx, []cache.Work{u}, errLostRace)
}

// readAgain updates keys in the cache without waiting for the watch. Deletions that mass-change protection counts are left to the
// watch, because only a whole batch shows a mass deletion. Key by key they would be carried out without it noticing.
func (l *loop) readAgain(ctx context.Context, keys []etcdschema.Key) error {
	slices.SortFunc(keys, etcdschema.Key.Compare)
	for _, k := range slices.Compact(keys) {
		if network, ok := etcdschema.ParseRoutedPrefixGuard(k); ok {
			if err := l.readPrefixes(ctx, network); err != nil {
				return err
			}
		}
		if etcdschema.IsAddressPoolGuard(k) {
			if err := l.readAddressPools(ctx); err != nil {
				return err
			}
		}
		it, ok, err := l.config.Client.Get(ctx, k)
		if err != nil {
			return err
		}
		l.own.forget(k)
		if have := l.cache.Entry(k); ok && have != nil && have.ModRevision == it.ModRevision || !ok && have == nil {
			continue
		}
		if a := cache.Area(k); !ok && (a == "intent" || a == "accepted") {
			continue
		}
		ev := etcdschema.Event{Item: it, Deleted: !ok}
		if !ok {
			ev.Key, ev.ModRevision = k, l.cache.ModRevision(k)
		}
		l.planner.Apply(ev, l.own.revisions)
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
		if l.cache.ModRevision(it.Key) != it.ModRevision {
			l.planner.Apply(etcdschema.Event{Item: it}, l.own.revisions)
		}
	}
	return nil
}

// readAddressPools updates the accepted address pools, because the replica that was faster has accepted another pool.
func (l *loop) readAddressPools(ctx context.Context) error {
	items, _, err := l.config.Client.List(ctx, etcdschema.AcceptedPrefix().OfKind(model.ClusterProject, model.KindAddressPool))
	if err != nil {
		return err
	}
	for _, it := range items {
		if l.cache.ModRevision(it.Key) != it.ModRevision {
			l.planner.Apply(etcdschema.Event{Item: it}, l.own.revisions)
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
	missing := l.planner.Claims.Rebuild(func(node string) bool { return kind.MayBeGateway(l.cache, node) })
	for len(missing) > 0 {
		tx := l.cache.Begin()
		for k, cl := range missing {
			if !tx.Fits() || len(tx.Writes) >= etcdschema.MaxTxnOps-10 {
				break
			}
			delete(missing, k)
			if _, err := tx.Put(k, cl, true); err != nil {
				l.log.Error("cannot rebuild a claim", "claim", k.String(), "error", err)
			}
		}
		keys := tx.Keys()
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
