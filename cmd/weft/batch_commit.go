package main

import (
	"context"
	"math/rand/v2"
	"time"

	"weft/etcdschema"
	"weft/model"
)

// guarded is a change of one object's intent. It is done only if the key is still as it was read.
type guarded struct {
	id          model.ID
	modRevision int64 // as it was read; 0 for no such key
	txn         *etcdschema.Txn
}

// fitting is how many of the changes fit into one transaction. It is at least one.
func fitting(changes []guarded) int {
	t := etcdschema.NewTxn()
	for n, ch := range changes {
		if n > 0 && !t.Fits(ch.txn) {
			return n
		}
		t.Merge(ch.txn)
	}
	return len(changes)
}

// commitTogether does the changes in one transaction, and says for each whether it was done. If somebody else has changed one of the
// objects, the others are done together without it. This holds only if all objects are of one kind. With several kinds none is done then,
// because one may refer to another, and their order matters.
func commitTogether(ctx context.Context, st store, changes []guarded) (done []bool, err error) {
	done = make([]bool, len(changes))
	all := make([]int, len(changes))
	for i := range all {
		all[i] = i
	}
	if err := commitSome(ctx, st, changes, all, done); err != nil || len(changes) < 2 || done[0] || !ofOneKind(changes) {
		return done, err
	}
	keys := make([]etcdschema.Key, len(changes))
	for i, ch := range changes {
		keys[i] = etcdschema.Intent(ch.id)
	}
	items, err := st.GetMany(ctx, keys)
	if err != nil {
		return done, err
	}
	var rest []int
	for i, ch := range changes {
		if items[keys[i]].ModRevision == ch.modRevision {
			rest = append(rest, i)
		}
	}
	return done, commitSome(ctx, st, changes, rest, done)
}

// commitSome does the chosen changes in one transaction, all of them or none, and records that in done.
func commitSome(ctx context.Context, st store, changes []guarded, chosen []int, done []bool) error {
	t := etcdschema.NewTxn()
	for _, i := range chosen {
		t.Merge(changes[i].txn)
	}
	committed := t.Writes() == 0 // no writes: already done
	if !committed {
		var err error
		if _, committed, err = st.Commit(ctx, t); err != nil {
			return err
		}
	}
	for _, i := range chosen {
		done[i] = committed
	}
	return nil
}

func ofOneKind(changes []guarded) bool {
	for _, ch := range changes {
		if ch.id.Kind != changes[0].id.Kind {
			return false
		}
	}
	return true
}

// raceTries bounds how often a change is tried if others change the object each time.
const raceTries = 20

// raced waits a little before the next try after a lost race. The wait is random, and its limit grows with the tries.
func raced(ctx context.Context, try int) {
	if try == 0 {
		return
	}
	t := time.NewTimer(time.Duration(rand.Int64N(int64(min(try, 8)) * int64(20*time.Millisecond))))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
