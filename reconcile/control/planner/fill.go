package planner

import (
	"fmt"

	"weft/etcdschema"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/pace"
)

const (
	// transactionWork bounds the work items of one transaction, so that news is taken in between. laterWork is the bound for work items that
	// can wait.
	transactionWork = 2000
	laterWork       = 250
	// besideWork: when at most this number of sets waits, they are written in the same transaction as the work items that caused them.
	besideWork = 8
)

// Fill begins a transaction. It evaluates work items of one class as long as they fit, and a few sets with them.
func (p *Planner) Fill() (tx *cache.Transaction, work []cache.Work) {
	tx = p.cache.Begin()
	class, most := p.Queue.turn(), transactionWork
	if class != classAsked {
		most = laterWork
	}
	p.Queue.comparing = class == classRest
	defer func() { p.Queue.comparing = false }()
	least := 0 // size of the smallest work item so far: the next one is hardly smaller, and would be evaluated in vain if it does not fit
	for len(work) < most && tx.Size()+least <= etcdschema.MaxTxnOps {
		u, ok := p.Queue.next(class)
		if !ok && class == classAsked && p.Queue.piles[classSets].len() <= besideWork {
			class = classSets
			u, ok = p.Queue.next(class)
		}
		if !ok {
			break
		}
		if classOf(&p.kinds, u) == classSets && p.sets.Hold(u, p.settings.Now()) {
			continue // it is queued again when its wait is over
		}
		m, before := tx.Mark(), tx.Size()
		err := p.Do(tx, u)
		if err == nil && !tx.Fits() && len(work) > 0 {
			tx.Rollback(m)
			p.Queue.back()
			break
		}
		if err == nil && !tx.Fits() {
			err = fmt.Errorf("needs %d operations and %d bytes in one transaction, at most %d and %d are possible",
				tx.Size(), tx.Bytes, etcdschema.MaxTxnOps, etcdschema.MaxTxnBytes)
		}
		if err != nil {
			tx.Rollback(m)
			p.Stuck(u, err)
			continue
		}
		work = append(work, u)
		if n := tx.Size() - before; len(work) == 1 || n < least {
			least = n
		}
	}
	return tx, work
}

// Stuck records a work item that cannot be done as things are. It is tried again later. The status of the object says why.
func (p *Planner) Stuck(u cache.Work, err error) {
	p.Retries.Failed(u, p.settings.Now())
	if u.Kind != cache.WorkObject {
		return
	}
	cond := &claim.Condition{Phase: etcdschema.PhasePending}
	cond.Pending("", "cannot be written: "+err.Error())
	p.conditions[u.ID] = cond
	p.StatusChanged(u.ID)
}

// Finished records work items that were done.
func (p *Planner) Finished(work []cache.Work) {
	for _, u := range work {
		p.Retries.Done(u)
	}
}

// exhaustWork bounds exhaust. Each piece of work may queue others, but this must end.
const exhaustWork = 1 << 20

// exhaust does everything that is queued, in one transaction that is never committed, and adds it to did.
func (p *Planner) exhaust(tx *cache.Transaction, did map[cache.Work]struct{}) error {
	for range exhaustWork {
		u, ok := p.Queue.next(p.Queue.first())
		if at, waits := p.sets.Next(); !ok && waits {
			p.Ripen(at.Add(pace.Interval)) // a preview writes nothing, so no set has to wait
			continue
		}
		if !ok {
			return nil
		}
		did[u] = struct{}{}
		if err := p.Do(tx, u); err != nil {
			return err
		}
	}
	return fmt.Errorf("this does not come to an end after %d steps", exhaustWork)
}
