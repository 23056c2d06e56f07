package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"weft/cmd/weft/internal/terminal"
	"weft/cmd/weft/view"
	"weft/etcdschema"
	"weft/model"
)

// controlPace is how often delete checks whether the controllers hold the deletion.
const controlPace = 500 * time.Millisecond

// deletionWait waits until the controllers have carried out a deletion.
type deletionWait struct {
	st store
	// follow is a client's Follow.
	follow   func(context.Context, []etcdschema.Prefix, func(etcdschema.Batch) error) error
	patience time.Duration // how long nothing may happen
}

// unfinished is the part of a deletion that is not carried out yet.
type unfinished struct {
	left   map[model.ID]int // their places in the list of all
	listed bool             // the accepted objects were seen once
	show   *terminal.Progress
	total  int
}

// await waits until the controllers have carried out the deletion, and prints each object when they have. If they hold it or do not get
// to it, that is an error.
func (d *deletionWait) await(ctx context.Context, ids []model.ID, out, told io.Writer) error {
	u := &unfinished{left: make(map[model.ID]int, len(ids)), total: len(ids), show: terminal.NewProgress(told, "deleted", len(ids))}
	defer u.show.Clear()
	var prefixes []etcdschema.Prefix
	for place, id := range ids {
		u.left[id] = place
		if p := etcdschema.AcceptedPrefix().OfKind(id.Project, id.Kind); !slices.Contains(prefixes, p) {
			prefixes = append(prefixes, p)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	moved := make(chan struct{}, 1)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		d.watchControl(ctx, cancel, moved)
	}()
	defer func() { cancel(nil); <-watched }()
	err := d.follow(ctx, prefixes, func(b etcdschema.Batch) error {
		if u.take(b, out) {
			select {
			case moved <- struct{}{}:
			default:
			}
		}
		if len(u.left) == 0 {
			return errReached
		}
		return nil
	})
	switch {
	case errors.Is(err, errReached):
		return nil
	case err != nil:
		return err
	}
	return d.notDone(context.WithoutCancel(ctx), u, ids, context.Cause(ctx))
}

// take reads a batch of accepted objects and prints those that are gone; moved says that there were some.
func (u *unfinished) take(b etcdschema.Batch, out io.Writer) (moved bool) {
	gone := u.gone(b)
	slices.SortFunc(gone, func(a, b model.ID) int { return u.left[a] - u.left[b] })
	for _, id := range gone {
		delete(u.left, id)
		u.show.Say(out, "%s deleted\n", id)
	}
	u.show.At(u.total - len(u.left))
	return len(gone) > 0
}

// gone lists what is not accepted any more. The first batch has all that is accepted, and later ones what was deleted since. A batch
// costs what is in it, and not what is left.
func (u *unfinished) gone(b etcdschema.Batch) (gone []model.ID) {
	deleted := make(map[model.ID]bool, len(b.Events))
	for _, ev := range b.Events {
		if id, ok := etcdschema.ParseID(ev.Key); ok {
			deleted[id] = ev.Deleted
		}
	}
	if !u.listed {
		u.listed = true
		for id := range u.left {
			if is, known := deleted[id]; is || !known {
				gone = append(gone, id)
			}
		}
		return gone
	}
	for id, is := range deleted {
		if _, waits := u.left[id]; waits && is {
			gone = append(gone, id)
		}
	}
	return gone
}

// errSlow ends waiting when nothing happens.
var errSlow = errors.New("the controllers have not carried it out yet: is weft-controller running?")

// watchControl ends the wait when the controllers hold everything, or when nothing has happened for too long.
func (d *deletionWait) watchControl(ctx context.Context, cancel context.CancelCauseFunc, moved <-chan struct{}) {
	ticker := time.NewTicker(controlPace)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-moved:
			last = time.Now()
			continue
		case <-ticker.C:
		}
		if item, ok, err := d.st.Get(ctx, etcdschema.ControlStatusKey()); ok && err == nil {
			if s, err := etcdschema.Decode[etcdschema.ControlStatus](item.Value); err == nil && s.Held != nil {
				cancel(fmt.Errorf("the controllers hold everything: %s; if this was meant: weft accept", s.Held.Reason))
				return
			}
		}
		if time.Since(last) > d.patience {
			cancel(errSlow)
			return
		}
	}
}

// notDone says what is left, and why.
func (d *deletionWait) notDone(ctx context.Context, u *unfinished, ids []model.ID, why error) error {
	var lines []string
	for _, id := range ids {
		_, waits := u.left[id]
		switch {
		case !waits:
			continue
		case len(lines) == terminal.MaxNamed:
			lines = append(lines, fmt.Sprintf("and %d more", len(u.left)-terminal.MaxNamed))
		}
		if len(lines) > terminal.MaxNamed {
			break
		}
		line := id.String()
		if item, ok, err := d.st.Get(ctx, etcdschema.StatusKey(id)); ok && err == nil {
			e := view.Entry{ID: id}
			e.SetStatus(item)
			if reason := e.Reason(); reason != "" {
				line += ": " + reason
			}
		}
		lines = append(lines, line)
	}
	return fmt.Errorf("%d of %d are declared deleted, and still there: %w\n%s", len(u.left), u.total, why, strings.Join(lines, "\n"))
}
