package nftables

import (
	"context"
	"log/slog"

	"weft/hostnet/object"
)

// Follower is what Follow must be told.
type Follower struct {
	Name    string // what is followed; for the log
	Logger  *slog.Logger
	Tables  []Table
	Program *Program
	// Refresh reads the tables again and lists the keys that differ.
	Refresh func(context.Context) ([]object.Key, error)
}

// Follow reports what others do to tables in the calling thread's network namespace, with the author, until ctx ends. It ignores
// what this process and its program do, because their drivers read that back.
func Follow(ctx context.Context, f Follower, notify func(object.Event)) error {
	return Watch(ctx, Watcher{
		Name: f.Name, Logger: f.Logger, Tables: f.Tables,
		Lost: func(context.Context) error {
			notify(object.Event{Resync: true})
			return nil
		},
		Committed: func(ctx context.Context, t Transaction) error {
			if !f.Program.Ours(t.Thread) {
				f.look(ctx, t.By(), notify)
			}
			return nil
		},
	})
}

// look reads what somebody changed.
func (f Follower) look(ctx context.Context, by string, notify func(object.Event)) {
	changed, err := f.Refresh(ctx)
	if err != nil {
		f.Logger.Warn("cannot read nftables after a change", "of", f.Name, "error", err)
		notify(object.Event{Resync: true})
		return
	}
	if len(changed) > 0 {
		notify(object.Event{Keys: changed, By: by})
	}
}
