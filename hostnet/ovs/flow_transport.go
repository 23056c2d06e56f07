package ovs

import (
	"context"
	"errors"

	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
)

// errSwitchLost says that the switch of a bridge does not answer: ovs-vswitchd is down, or does not have the bridge (yet).
// Nothing is known of its flows then, and the caller tries again later.
var errSwitchLost = errors.New("the connection to the switch is lost (is ovs-vswitchd running?)")

// flowTransport carries flows to and from the switch of one bridge. Bundles, meters and port configuration use OpenFlow connections.
// Everything else uses ovs-ofctl.
type flowTransport interface {
	// bundle makes all modifications in order, or none of them. It returns when the switch has committed. Several bundles may run
	// in parallel.
	bundle(ctx context.Context, bridge string, mods []flowMod) error
	// dump reads the flows with the cookie, or all of them.
	dump(ctx context.Context, bridge string, cookie *uint64) (flowDump, error)
	// monitor calls ready once it listens. Then it calls on for every batch of changes, until the connection is lost or ctx ends.
	monitor(ctx context.Context, bridge string, ready func(), on func([]flowEvent)) error
	// counters reads the flows of table 0 and the ports with their counters, as text.
	counters(ctx context.Context, bridge string) (flows, ports []byte, err error)
	// table reads the flows of a table that learn actions write, as text.
	table(ctx context.Context, bridge string, table uint8) ([]byte, error)
	// fragments and setFragments read and set the fragment mode (OFPT_GET_CONFIG, OFPT_SET_CONFIG).
	fragments(ctx context.Context, bridge string) (string, error)
	setFragments(ctx context.Context, bridge, mode string) error
	// meters reads the configuration of all meters, without their bridge. meterStats reads their statistics.
	meters(ctx context.Context, bridge string) ([]object.Meter, error)
	meterStats(ctx context.Context, bridge string) ([]openflow.MeterStats, error)
	// modifyMeters makes the modifications. refusals has one error for each that the switch has refused.
	modifyMeters(ctx context.Context, bridge string, mods []meterMod) (refusals []error, err error)
	// ports reads the administrative configuration of all ports. Before that it clears the flags of the ports in clear.
	ports(ctx context.Context, bridge string, clear map[uint16]bool) ([]openflow.Port, error)
	// monitorPorts calls base with all ports once it listens. Then it calls on for every change, until the connection is lost or
	// ctx ends.
	monitorPorts(ctx context.Context, bridge string, base func([]openflow.Port), on func(openflow.PortReason, openflow.Port)) error
	// alive says whether the switch of the bridge runs. It does not wait for an answer.
	alive(ctx context.Context, bridge string) bool
	// close ends what is kept open, and waits for it.
	close()
}

// flowEvent is one change that the switch reports, whoever made it.
type flowEvent struct {
	deleted bool
	flow    switchFlow // an added or modified flow as it is now
}
