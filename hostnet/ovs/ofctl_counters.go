package ovs

import (
	"context"
	"fmt"
)

// counters reads the flows of table 0 and the ports with their counters, as ovs-ofctl prints them.
func (o ofctl) counters(ctx context.Context, bridge string) (flows, ports []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	flows, err = o.run(ctx, nil, "ovs-ofctl", "--no-names", "--read-only", "dump-flows", "-OOpenFlow14", o.target(bridge), "table=0")
	if err != nil {
		return nil, nil, fmt.Errorf("reading the counters of flows of bridge %s: %w", bridge, err)
	}
	ports, err = o.run(ctx, nil, "ovs-ofctl", "--no-names", "--read-only", "dump-ports", "-OOpenFlow14", o.target(bridge))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the counters of ports of bridge %s: %w", bridge, err)
	}
	return flows, ports, nil
}

// table reads the flows of one table, which learn actions write, as ovs-ofctl prints them.
func (o ofctl) table(ctx context.Context, bridge string, table uint8) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	text, err := o.run(ctx, nil, "ovs-ofctl", "--no-names", "--read-only", "dump-flows", "-OOpenFlow14", o.target(bridge), fmt.Sprintf("table=%d", table))
	if err != nil {
		return nil, fmt.Errorf("reading table %d of bridge %s: %w", table, bridge, err)
	}
	return text, nil
}
