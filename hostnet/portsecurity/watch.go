package portsecurity

import (
	"context"

	"github.com/google/nftables"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

// Watch listens to nftables' notifications. After somebody else's transaction on our tables, it reads the tables and reports what
// changed and who changed it.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	return own.Follow(ctx, own.Follower{
		Name: "portsecurity", Logger: d.config.Logger, Program: d.program,
		Tables: []own.Table{{Family: byte(nftables.TableFamilyBridge), Name: tableName}, {Family: byte(nftables.TableFamilyNetdev), Name: tableName}},
		Refresh: func(ctx context.Context) ([]object.Key, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.refresh(ctx)
		},
	}, notify)
}
