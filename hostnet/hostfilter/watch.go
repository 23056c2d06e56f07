package hostfilter

import (
	"context"
	"time"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

// resubscribeDelay keeps a subscription that fails at once from spinning.
const resubscribeDelay = 200 * time.Millisecond

// Watch listens to nftables' notifications. After a transaction of somebody else that touched our tables, they are read and what
// changed is reported, with who did it.
func (d *Driver) Watch(ctx context.Context, notify func(object.Event)) error {
	w := own.Watcher{
		Ours:    d.byUs,
		Changed: func(by string) { d.foreign(by, notify) },
		Lost:    func() { notify(object.Event{Resync: true}) },
	}
	for _, t := range tables {
		w.Tables = append(w.Tables, own.Table{Family: byte(t.Family), Name: t.Name})
	}
	for {
		err := own.Follow(ctx, w)
		if ctx.Err() != nil {
			return nil
		}
		d.config.Logger.Warn("host filter: nftables subscription lost, subscribing again", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(resubscribeDelay):
		}
	}
}

// byUs says whether a transaction is of this process, or of one that loaded the tables for it.
func (d *Driver) byUs(pid uint32) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.children[pid] {
		delete(d.children, pid)
		return true
	}
	return own.OwnThread(pid)
}

// foreign looks what somebody else's transaction changed.
func (d *Driver) foreign(by string, notify func(object.Event)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	changed, err := d.refresh()
	if err != nil {
		d.config.Logger.Warn("host filter: tables not read after a change", "error", err)
		notify(object.Event{Resync: true})
		return
	}
	if len(changed) > 0 {
		notify(object.Event{Keys: changed, By: by})
	}
}
