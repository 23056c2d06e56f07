package ovs

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"sync"
	"sync/atomic"

	"weft/hostnet/ovs/openflow"
)

// direct is the flowTransport that keeps an OpenFlow connection to each bridge for its bundles. A run of ovs-ofctl costs five
// turns of the switch's main loop, an open connection costs two, and each turn polls every port. ovs-ofctl is still used for
// everything else but ports, and for flows that package openflow refuses to write.
type direct struct {
	ofctl
	configuring sync.Mutex // held while the switch's own configuration is set

	mu    sync.Mutex
	conns map[string]*bridgeConn
}

// bridgeConn is the connection to one bridge. It carries one bundle at a time.
type bridgeConn struct {
	mu   sync.Mutex
	conn *openflowConn // nil before the first bundle
}

func newDirect(rundir string) *direct {
	return &direct{ofctl: ofctl{rundir, maphash.MakeSeed(), new(atomic.Int64)}, conns: map[string]*bridgeConn{}}
}

func (d *direct) to(bridge string) *bridgeConn {
	d.mu.Lock()
	defer d.mu.Unlock()
	b := d.conns[bridge]
	if b == nil {
		b = &bridgeConn{}
		d.conns[bridge] = b
	}
	return b
}

// close ends all connections and waits for their readers.
func (d *direct) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range d.conns {
		b.close()
	}
}

func (b *bridgeConn) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn != nil {
		b.conn.close()
		b.conn = nil
	}
}

// connected returns the open connection. If there is none or it is lost, it makes a new one.
func (b *bridgeConn) connected(ctx context.Context, socket string) (c *openflowConn, fresh bool, err error) {
	if b.conn != nil && !b.conn.lost() {
		return b.conn, false, nil
	}
	b.conn = nil
	c, err = dialOpenflow(ctx, socket)
	if err == nil {
		b.conn = c
	}
	return c, true, err
}

// alive implements flowTransport. An open connection is enough; otherwise it tries to connect. A busy switch counts as alive,
// because the kernel accepts the connection for it.
func (d *direct) alive(ctx context.Context, bridge string) bool {
	b := d.to(bridge)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn != nil && !b.conn.lost() {
		return true
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", d.socket(bridge))
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// errUncommitted says that the connection was lost before the commit was sent. The switch has then dropped the bundle.
var errUncommitted = errors.New("lost before the commit")

func (d *direct) bundle(ctx context.Context, bridge string, mods []flowMod) error {
	wire := make([]openflow.FlowMod, len(mods))
	for i, m := range mods {
		wire[i] = m.wire()
	}
	// The bundle is first written with provisional ids, to know whether all of it can be written before anything is sent.
	if _, err := appendBundle(nil, 1, wire); err != nil {
		return d.ofctl.bundle(ctx, bridge, mods)
	}
	err := d.use(ctx, bridge, func(ctx context.Context, c *openflowConn) error { return c.bundle(ctx, wire) })
	if errors.Is(err, errOldProtocol) {
		return d.ofctl.bundle(ctx, bridge, mods)
	}
	if err != nil {
		return fmt.Errorf("flow bundle for bridge %s: %w", bridge, err)
	}
	return nil
}

// appendBundle writes a bundle up to the barrier. The barrier makes the switch report every modification that it refuses. Ids
// count from first: the opening, the modifications, the barrier.
func appendBundle(b []byte, first uint32, mods []openflow.FlowMod) ([]byte, error) {
	b = openflow.AppendBundleControl(b, first, openflow.BundleOpen)
	for i, m := range mods {
		var err error
		if b, err = openflow.AppendBundleAdd(b, first+1+uint32(i), m); err != nil {
			return b, fmt.Errorf("flow %s: %w", m.Flow, err)
		}
	}
	return openflow.AppendBarrier(b, first+1+uint32(len(mods))), nil
}

// bundle sends all modifications at once. It commits them if none was refused. The commit must wait for the barrier, because a
// switch that refuses a part of a bundle commits the rest.
func (c *openflowConn) bundle(ctx context.Context, mods []openflow.FlowMod) error {
	n := uint32(len(mods))
	first := c.ids(len(mods) + 3) // opening, barrier, end
	barrier, end := first+1+n, first+2+n
	b, err := appendBundle(nil, first, mods)
	if err != nil {
		return err
	}
	x := &exchange{first: first, last: barrier, end: barrier}
	if err := c.exchange(ctx, b, x); err != nil {
		return fmt.Errorf("%w: %w", errUncommitted, err)
	}
	if x.refused != nil {
		// It does not matter whether the switch still has something to discard.
		_ = c.exchange(ctx, openflow.AppendBundleControl(nil, end, openflow.BundleDiscard), &exchange{end: end})
		return refusedMod(x, first, mods)
	}
	x = &exchange{first: first, last: end, end: end}
	if err := c.exchange(ctx, openflow.AppendBundleControl(nil, end, openflow.BundleCommit), x); err != nil {
		return fmt.Errorf("whether it was committed is unknown: %w", err)
	}
	if x.refused != nil {
		return refusedMod(x, first, mods)
	}
	return nil
}

// refusedMod names the flow that the switch refused. If the opening or the commit was refused, there is no flow to name.
func refusedMod(x *exchange, first uint32, mods []openflow.FlowMod) error {
	if i := x.refusedXID - first - 1; x.refusedXID > first && i < uint32(len(mods)) {
		return fmt.Errorf("flow %s: %w", mods[i].Flow, x.refused)
	}
	return x.refused
}
