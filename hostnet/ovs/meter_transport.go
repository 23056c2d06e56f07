package ovs

import (
	"context"
	"errors"
	"fmt"

	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
)

// meters implements flowTransport.
func (d *direct) meters(ctx context.Context, bridge string) (all []object.Meter, err error) {
	err = d.ask(ctx, bridge, openflow.AppendMeterConfigRequest, func(body []byte) error {
		some, err := openflow.ParseMeterConfigs(body)
		all = append(all, some...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading meters of bridge %s: %w", bridge, err)
	}
	return all, nil
}

// meterStats implements flowTransport.
func (d *direct) meterStats(ctx context.Context, bridge string) (all []openflow.MeterStats, err error) {
	err = d.ask(ctx, bridge, openflow.AppendMeterStatsRequest, func(body []byte) error {
		some, err := openflow.ParseMeterStats(body)
		all = append(all, some...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading statistics of meters of bridge %s: %w", bridge, err)
	}
	return all, nil
}

// modifyMeters implements flowTransport.
func (d *direct) modifyMeters(ctx context.Context, bridge string, mods []meterMod) (refusals []error, err error) {
	err = d.use(ctx, bridge, func(ctx context.Context, c *openflowConn) error {
		refusals, err = c.modifyMeters(ctx, mods)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("meters of bridge %s: %w", bridge, err)
	}
	return refusals, nil
}

// modifyMeters sends all modifications and a barrier. Each is carried out or refused on its own.
func (c *openflowConn) modifyMeters(ctx context.Context, mods []meterMod) ([]error, error) {
	n := uint32(len(mods))
	first := c.ids(len(mods) + 1)
	var b []byte
	for i, m := range mods {
		var err error
		if b, err = openflow.AppendMeterMod(b, first+uint32(i), m.command, m.meter); err != nil {
			return nil, err
		}
	}
	x := &exchange{first: first, last: first + n, end: first + n, refusals: map[uint32]error{}}
	if err := c.exchange(ctx, openflow.AppendBarrier(b, first+n), x); err != nil {
		return nil, err
	}
	refusals := make([]error, len(mods))
	for i := range mods {
		refusals[i] = x.refusals[first+uint32(i)]
	}
	return refusals, x.refusals[first+n]
}

// ask sends a multipart request, and passes each part of the answer to part.
func (d *direct) ask(ctx context.Context, bridge string, request func(b []byte, xid uint32) []byte, part func(body []byte) error) error {
	return d.use(ctx, bridge, func(ctx context.Context, c *openflowConn) error {
		xid := c.ids(1)
		var wrong error
		x := &exchange{first: xid, last: xid, end: xid, part: func(body []byte) {
			if wrong == nil {
				wrong = part(body)
			}
		}}
		if err := c.exchange(ctx, request(nil, xid), x); err != nil {
			return fmt.Errorf("%w: %w", errUnanswered, err)
		}
		return errors.Join(x.refused, wrong)
	})
}

// errUnanswered says that the connection was lost before a question was answered, so that it may be asked again.
var errUnanswered = errors.New("lost before the answer")

// use runs an exchange on the connection to the bridge. If that is busy, it uses another one. An open connection may have died
// unnoticed. If nothing can have been done on it, the exchange runs once more on a new one.
func (d *direct) use(ctx context.Context, bridge string, run func(context.Context, *openflowConn) error) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	b := d.to(bridge)
	if b.mu.TryLock() {
		defer b.mu.Unlock()
	} else {
		b = &bridgeConn{}
		defer b.close()
	}
	for {
		c, fresh, err := b.connected(ctx, d.socket(bridge))
		if err == nil {
			err = run(ctx, c)
		}
		if nothingDone := errors.Is(err, errUncommitted) || errors.Is(err, errUnanswered); nothingDone && !fresh && ctx.Err() == nil {
			continue
		}
		return err
	}
}
