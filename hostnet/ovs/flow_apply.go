package ovs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"weft/hostnet/object"
)

// How long the monitor may take to report what the switch has committed. Some milliseconds are usual; large batches get some time
// more per flow set. After that the switch is asked. The time is short for this case: if a switch drops all flows just after it
// has committed them, for example after a change of its fail mode, it reports both at once. Guests are then cut off until the
// switch is asked.
const (
	verifyTimeout       = 150 * time.Millisecond
	verifyTimeoutPerSet = 2 * time.Millisecond
	// fewDumps is the largest number of flow sets that are dumped one by one. For more the whole bridge is read.
	fewDumps = 8
)

// A switch reads at most 50 messages of one connection in a turn of its main loop (OVS, ofproto/connmgr.c, ofconn_run). A turn
// polls every port of the userspace datapath. So many flows are faster over several parallel connections.
const (
	maxParts = 8
	partMods = 500 // modifications that are worth a separate connection
)

// applyFlows makes the changes of one bridge in one bundle (many additions in several) and fills errs.
func (d *Driver) applyFlows(ctx context.Context, bridge string, changes []flowChange, errs []error) {
	v := d.flowCacheOf(bridge)
	if v == nil {
		for _, c := range changes {
			errs[c.at] = fmt.Errorf("flow set %s: bridge %s is not there or not ours", object.FlowSetName(bridge, c.cookie), bridge)
		}
		return
	}
	cookies := make([]uint64, len(changes))
	for i, c := range changes {
		cookies[i] = c.cookie
	}
	v.expect(cookies)
	var sending sync.WaitGroup
	for _, part := range flowParts(changes) {
		sending.Go(func() { d.sendFlows(ctx, bridge, part, errs) })
	}
	sending.Wait()
	d.verifyFlows(ctx, bridge, v, changes, errs)
	d.verifyMetered(ctx, bridge, changes, errs)
}

// flowParts splits many changes into parts with about the same number of modifications. Each flow set is whole in one part.
// Changes with removals stay together, because one set may gain a flow that another set loses.
func flowParts(changes []flowChange) (parts [][]flowChange) {
	total := 0
	for _, c := range changes {
		if len(c.deletes) > 0 {
			return [][]flowChange{changes}
		}
		total += len(c.adds)
	}
	each := max(partMods, (total+maxParts-1)/maxParts)
	for first, n, i := 0, 0, 0; i < len(changes); i++ {
		n += len(changes[i].adds)
		if n >= each || i == len(changes)-1 {
			parts = append(parts, changes[first:i+1])
			first, n = i+1, 0
		}
	}
	return parts
}

// sendFlows sends all changes in one bundle, all additions before all removals. If the switch refuses, the changes are halved
// until the refused ones are alone. So one bad flow set costs logarithmically many bundles and harms no other.
func (d *Driver) sendFlows(ctx context.Context, bridge string, changes []flowChange, errs []error) {
	var mods []flowMod
	for _, c := range changes {
		mods = append(mods, c.adds...)
	}
	for _, c := range changes {
		mods = append(mods, c.deletes...)
	}
	if len(mods) == 0 {
		return
	}
	err := d.flows.bundle(ctx, bridge, mods)
	if err == nil {
		return
	}
	if len(changes) == 1 || errors.Is(err, errSwitchLost) || ctx.Err() != nil {
		for _, c := range changes {
			errs[c.at] = fmt.Errorf("flow set %s: %w", object.FlowSetName(bridge, c.cookie), err)
		}
		return
	}
	half := len(changes) / 2
	d.sendFlows(ctx, bridge, changes[:half], errs)
	d.sendFlows(ctx, bridge, changes[half:], errs)
}

// verifyFlows waits until the switch itself has reported what was sent. The monitor reports in the order of the bundle. So the
// changes are checked in that order, and each wake-up costs one check. What is not reported in time is dumped.
func (d *Driver) verifyFlows(ctx context.Context, bridge string, v *flowCache, changes []flowChange, errs []error) {
	wait, cancel := context.WithTimeout(ctx, verifyTimeout+time.Duration(len(changes))*verifyTimeoutPerSet)
	defer cancel()
	var open []flowChange
	for _, c := range changes {
		switch {
		case errs[c.at] != nil:
			_ = v.accept(c, true)
		case !v.awaitFlows(wait, c):
			open = append(open, c)
		}
	}
	if len(open) == 0 {
		return
	}
	var asked error
	if len(open) > fewDumps {
		asked = d.refreshFlows(ctx, bridge, v, nil)
	}
	for _, c := range open {
		if len(open) <= fewDumps {
			asked = d.refreshFlows(ctx, bridge, v, &c.cookie)
		}
		wrong := v.accept(c, true)
		if err := cmp.Or(asked, wrong); err != nil {
			errs[c.at] = fmt.Errorf("flow set %s: verifying: %w", object.FlowSetName(bridge, c.cookie), err)
		}
	}
}

// awaitFlows waits until the cache has the flows of the change. Without a monitor it does not wait.
func (v *flowCache) awaitFlows(ctx context.Context, c flowChange) bool {
	for {
		live, changed := v.state()
		if live && v.accept(c, false) == nil {
			return true
		}
		if !live {
			return false
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
