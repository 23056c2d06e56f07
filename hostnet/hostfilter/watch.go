package hostfilter

import (
	"context"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

// Watch listens to nftables' notifications. After somebody else's transaction on our tables, it reads the tables and reports what
// changed and who changed it.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	f := own.Follower{Name: "host filter", Logger: d.config.Logger, Program: d.program, Refresh: func(ctx context.Context) ([]object.Key, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.refresh(ctx)
	}}
	for _, t := range tables {
		f.Tables = append(f.Tables, own.Table{Family: byte(t.Family), Name: t.Name})
	}
	return own.Follow(ctx, f, notify)
}
