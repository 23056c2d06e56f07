package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"weft/cmd/weft/internal/terminal"
	"weft/etcdschema"
	"weft/model"
)

// deletion is one call of delete.
type deletion struct {
	st                   store
	ids                  []model.ID
	force, ignoreMissing bool
	// confirm asks whether this many of all objects are to be deleted; nil allows a deletion of any size.
	confirm func(gone, total int) error
	wait    *deletionWait // until the controllers have carried out the deletion; nil for not waiting
}

// run deletes objects that refer to others first. It deletes nothing that other objects refer to, unless forced, because they would
// become invalid. Progress goes to told.
func (d deletion) run(ctx context.Context, out, told io.Writer) error {
	d.ids = eachOnce(d.ids)
	if !d.force {
		if err := inUse(ctx, d.st, d.ids); err != nil {
			return err
		}
	}
	there, err := d.read(ctx)
	if err != nil {
		return err
	}
	if err := announce(ctx, d.st, d.ids, d.confirm); err != nil {
		return err
	}
	kinds := model.AllKinds().Names()
	slices.SortStableFunc(d.ids, func(a, b model.ID) int { return slices.Index(kinds, b.Kind) - slices.Index(kinds, a.Kind) })
	went, err := d.dropAll(ctx, there, told)
	if d.wait == nil || err != nil {
		for _, id := range went {
			fmt.Fprintf(out, "%s is to be deleted\n", id)
		}
		return err
	}
	return d.wait.await(ctx, went, out, told)
}

// eachOnce is the list without repetitions.
func eachOnce(ids []model.ID) []model.ID {
	set := make(map[model.ID]bool, len(ids))
	once := make([]model.ID, 0, len(ids))
	for _, id := range ids {
		if !set[id] {
			set[id] = true
			once = append(once, id)
		}
	}
	return once
}

// dropAll deletes the intents in as few transactions as etcd's limits allow, and lists those that were there. A deletion that loses a
// race is done by itself.
func (d deletion) dropAll(ctx context.Context, there map[etcdschema.Key]etcdschema.Item, told io.Writer) (went []model.ID, err error) {
	var drops []guarded
	for _, id := range d.ids {
		if item, ok := there[etcdschema.Intent(id)]; ok {
			t := etcdschema.NewTxn()
			t.DeleteIf(item.Key, item.ModRevision)
			drops = append(drops, guarded{id, item.ModRevision, t})
		}
	}
	show := terminal.NewProgress(told, "to be deleted", len(drops))
	defer show.Clear()
	for part := range slices.Chunk(drops, etcdschema.MaxTxnOps) {
		done, err := commitTogether(ctx, d.st, part)
		if err != nil {
			return went, err
		}
		for i, g := range part {
			was := done[i]
			if !was {
				if was, err = d.drop(ctx, g.id); err != nil {
					return went, err
				}
			}
			if was {
				went = append(went, g.id)
			}
		}
		show.At(len(went))
	}
	return went, nil
}

func intentKeys(ids []model.ID) []etcdschema.Key {
	keys := make([]etcdschema.Key, len(ids))
	for i, id := range ids {
		keys[i] = etcdschema.Intent(id)
	}
	return keys
}

// drop deletes one intent. It returns false if the intent was not there.
func (d deletion) drop(ctx context.Context, id model.ID) (was bool, err error) {
	for try := range raceTries {
		raced(ctx, try)
		item, ok, err := d.st.Get(ctx, etcdschema.Intent(id))
		if err != nil || !ok {
			return false, err
		}
		t := etcdschema.NewTxn()
		t.DeleteIf(etcdschema.Intent(id), item.ModRevision)
		_, done, err := d.st.Commit(ctx, t)
		if err != nil || done {
			return true, err
		}
	}
	return false, fmt.Errorf("%s: others keep changing it: look at it (weft get) and delete again", id)
}

// read reads the intents. If a name does not exist, it refuses the whole deletion, so that a typing mistake does not delete a part.
func (d deletion) read(ctx context.Context) (map[etcdschema.Key]etcdschema.Item, error) {
	items, err := d.st.GetMany(ctx, intentKeys(d.ids))
	if err != nil || d.ignoreMissing {
		return items, err
	}
	var missing []model.ID
	for _, id := range d.ids {
		if _, ok := items[etcdschema.Intent(id)]; !ok {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%w\nnothing was deleted; --ignore-not-found deletes the others", notFound(missing))
	}
	return items, nil
}
