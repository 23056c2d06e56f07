package ovs

import "context"

// refreshFlows reads the flows of the cookie, or all flows, from the switch into the view.
func (d *Driver) refreshFlows(ctx context.Context, bridge string, v *flowView, cookie *uint64) error {
	v.dumping.Lock()
	defer v.dumping.Unlock()
	v.beginDump()
	flows, err := d.flows.dump(ctx, bridge, cookie)
	if err != nil {
		v.dumpFailed()
		return err
	}
	v.merge(cookie, flows)
	return nil
}

func (d *Driver) readFragments(ctx context.Context, bridge string, v *flowView) error {
	mode, err := d.flows.fragments(ctx, bridge)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fragments = mode
	return nil
}
