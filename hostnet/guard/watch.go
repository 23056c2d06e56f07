package guard

import (
	"context"

	"github.com/google/nftables"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

// Watch listens to nftables' notifications. After a transaction of somebody else that touched our tables, they are read and what
// changed is reported, with who did it.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	return own.Follow(ctx, own.Follower{
		Name: "guard", Logger: d.config.Logger, Program: d.program,
		Tables: []own.Table{{Family: byte(nftables.TableFamilyBridge), Name: tableName}, {Family: byte(nftables.TableFamilyNetdev), Name: tableName}},
		Refresh: func(ctx context.Context) ([]object.Key, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.refresh(ctx)
		},
	}, notify)
}
