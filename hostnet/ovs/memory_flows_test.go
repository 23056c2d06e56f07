package ovs

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"

	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
)

// memoryFlows is the flowTransport of bridges in memory.
type memoryFlows struct {
	mu      sync.Mutex
	flows   map[string][]switchFlow
	tries   int         // bundles, committed or not
	bundles [][]flowMod // as committed
	refuse  func(bridge string, m flowMod) error
	ignore  bool  // a bundle is accepted, and nothing is done
	failing error // of everything
	frags   map[string]string
	config  map[string]map[uint16]openflow.Port
	on      map[string]func([]flowEvent)
	onPorts map[string]func(openflow.PortReason, openflow.Port)
	lose    chan struct{} // closed to end the monitors
	hears   chan struct{} // gets something when a monitor of ports works
	dumps   int
	meterOf map[string]map[uint32]object.Meter
	// refuseMeter refuses a modification of a meter. unused are meters that no flow uses, whatever flows there are.
	refuseMeter func(meterMod) error
	unused      map[uint32]bool
	meterMods   []meterMod
}

func newMemoryFlows() *memoryFlows {
	return &memoryFlows{flows: map[string][]switchFlow{}, frags: map[string]string{}, config: map[string]map[uint16]openflow.Port{},
		on: map[string]func([]flowEvent){}, onPorts: map[string]func(openflow.PortReason, openflow.Port){}, lose: make(chan struct{}), hears: make(chan struct{}, 8),
		refuse: func(string, flowMod) error { return nil }, meterOf: map[string]map[uint32]object.Meter{}, unused: map[uint32]bool{},
		refuseMeter: func(meterMod) error { return nil }}
}

func (f *memoryFlows) bundle(_ context.Context, bridge string, mods []flowMod) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries++
	if f.failing != nil {
		return f.failing
	}
	for _, m := range mods {
		if err := f.refuse(bridge, m); err != nil {
			return err
		}
	}
	f.bundles = append(f.bundles, mods)
	if f.ignore {
		return nil
	}
	var events []flowEvent
	for _, m := range mods {
		events = append(events, f.modify(bridge, m)...)
	}
	if on := f.on[bridge]; on != nil {
		on(events)
	}
	return nil
}

// modify carries out one modification and returns what a monitor is told.
func (f *memoryFlows) modify(bridge string, m flowMod) (events []flowEvent) {
	f.flows[bridge] = slices.DeleteFunc(f.flows[bridge], func(s switchFlow) bool {
		same := idOf(&s.Flow) == idOf(&m.flow)
		gone := s.Cookie == m.cookie && (m.op == modDelete && same || m.op == modDeleteCookie && s.Flow.Table == m.flow.Table)
		if gone {
			events = append(events, flowEvent{deleted: true, flow: s})
		}
		return gone || m.op == modAdd && same
	})
	if m.op == modAdd {
		added := switchFlow{m.cookie, m.flow}
		f.flows[bridge] = append(f.flows[bridge], added)
		events = append(events, flowEvent{flow: added})
	}
	return events
}

// put adds a flow as somebody else would.
func (f *memoryFlows) put(bridge string, s switchFlow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	events := f.modify(bridge, flowMod{op: modAdd, cookie: s.Cookie, flow: s.Flow})
	if on := f.on[bridge]; on != nil {
		on(events)
	}
}

func (f *memoryFlows) dump(_ context.Context, bridge string, cookie *uint64) (flowDump, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dumps++
	return listDump(slices.DeleteFunc(slices.Clone(f.flows[bridge]), func(s switchFlow) bool { return cookie != nil && s.Cookie != *cookie })), f.failing
}

// listDump is a dump that needs no parsing.
type listDump []switchFlow

func (l listDump) digests() map[uint64]uint64 {
	sums := map[uint64]uint64{}
	for _, f := range l {
		h := fnv.New64()
		fmt.Fprint(h, f.Flow.String())
		sums[f.Cookie] += h.Sum64()
	}
	return sums
}

func (l listDump) parse(cookies map[uint64]struct{}) (flows []*switchFlow, err error) {
	for _, f := range l {
		if _, wanted := cookies[f.Cookie]; wanted {
			flows = append(flows, &f)
		}
	}
	return flows, nil
}

func (f *memoryFlows) monitor(ctx context.Context, bridge string, ready func(), on func([]flowEvent)) error {
	f.mu.Lock()
	f.on[bridge] = on
	lose := f.lose
	f.mu.Unlock()
	ready()
	select {
	case <-ctx.Done():
	case <-lose:
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.on, bridge)
	return errSwitchLost
}

func (f *memoryFlows) meters(_ context.Context, bridge string) (all []object.Meter, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.meterOf[bridge] {
		m.Bridge, m.OwnerUID = "", ""
		all = append(all, m)
	}
	return all, f.failing
}

func (f *memoryFlows) meterStats(_ context.Context, bridge string) (all []openflow.MeterStats, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range f.meterOf[bridge] {
		s := openflow.MeterStats{ID: id}
		for _, flow := range f.flows[bridge] {
			if flow.Flow.MeterOf() == id && !f.unused[id] {
				s.Flows++
			}
		}
		all = append(all, s)
	}
	return all, f.failing
}

func (f *memoryFlows) modifyMeters(_ context.Context, bridge string, mods []meterMod) ([]error, error) {
	refusals := make([]error, len(mods))
	for i, m := range mods {
		f.mu.Lock()
		failing, refusal, ignored := f.failing, f.refuseMeter(m), f.ignore
		f.meterMods = append(f.meterMods, m)
		f.mu.Unlock()
		if failing != nil {
			return nil, failing
		}
		if refusals[i] = refusal; refusal == nil && !ignored {
			f.setMeter(bridge, m)
		}
	}
	return refusals, nil
}

// setMeter changes a meter, as Weft or as somebody else. With a meter its flows go. The monitor is told without the lock, because the
// driver then reads the meters.
func (f *memoryFlows) setMeter(bridge string, m meterMod) {
	events, on := f.changeMeter(bridge, m)
	if on != nil && len(events) > 0 {
		on(events)
	}
}

func (f *memoryFlows) changeMeter(bridge string, m meterMod) (events []flowEvent, on func([]flowEvent)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.meterOf[bridge] == nil {
		f.meterOf[bridge] = map[uint32]object.Meter{}
	}
	if m.command != openflow.MeterDelete {
		f.meterOf[bridge][m.meter.ID] = m.meter
		return nil, nil
	}
	delete(f.meterOf[bridge], m.meter.ID)
	for _, s := range slices.Clone(f.flows[bridge]) {
		if s.Flow.MeterOf() == m.meter.ID {
			events = append(events, f.modify(bridge, flowMod{op: modDelete, cookie: s.Cookie, flow: s.Flow})...)
		}
	}
	return events, f.on[bridge]
}

func (f *memoryFlows) counters(context.Context, string) (flows, ports []byte, err error) {
	return nil, nil, nil
}

func (f *memoryFlows) table(context.Context, string, uint8) ([]byte, error) { return nil, nil }

func (f *memoryFlows) fragments(_ context.Context, bridge string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.frags[bridge], f.failing
}

func (f *memoryFlows) setFragments(_ context.Context, bridge, mode string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frags[bridge] = mode
	return f.failing
}

func (f *memoryFlows) ports(_ context.Context, bridge string, clear map[uint16]bool) (all []openflow.Port, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, p := range f.config[bridge] {
		if clear[n] {
			p.Config = 0
			f.config[bridge][n] = p
		}
		all = append(all, p)
	}
	return all, f.failing
}

// configure sets a port's flags as somebody else would, and tells the monitor.
func (f *memoryFlows) configure(bridge string, p openflow.Port) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.config[bridge] == nil {
		f.config[bridge] = map[uint16]openflow.Port{}
	}
	f.config[bridge][p.Number] = p
	if on := f.onPorts[bridge]; on != nil {
		on(2, p) // OFPPR_MODIFY
	}
}

func (f *memoryFlows) monitorPorts(
	ctx context.Context, bridge string, base func([]openflow.Port), on func(openflow.PortReason, openflow.Port),
) error {
	all, err := f.ports(ctx, bridge, nil)
	if err != nil {
		return err
	}
	base(all)
	f.mu.Lock()
	f.onPorts[bridge] = on
	lose := f.lose
	f.mu.Unlock()
	f.hears <- struct{}{}
	select {
	case <-ctx.Done():
	case <-lose:
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.onPorts, bridge)
	return errSwitchLost
}

func (f *memoryFlows) alive(context.Context, string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failing == nil
}

func (f *memoryFlows) close() {}

// fail makes everything fail from now on, until it is called with nil.
func (f *memoryFlows) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failing = err
}
