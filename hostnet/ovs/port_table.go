package ovs

import (
	"sync"

	"weft/hostnet/ovs/openflow"
)

// portTable is the administrative configuration of one bridge's ports, by OpenFlow port number.
type portTable struct {
	mu    sync.Mutex
	ports map[uint16]openflow.Port // nil before the first reading
	live  bool                     // every change arrives here
}

// replace replaces all ports. It returns those whose configuration differs from what was known.
func (t *portTable) replace(all []openflow.Port) (changed []openflow.Port) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.ports
	t.ports = make(map[uint16]openflow.Port, len(all))
	for _, p := range all {
		t.ports[p.Number] = p
		if old[p.Number].Config.String() != p.Config.String() {
			changed = append(changed, p)
		}
	}
	return changed
}

// set applies what the switch reports of one port. It says whether the configuration changed.
func (t *portTable) set(reason openflow.PortReason, p openflow.Port) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ports == nil {
		return false // they are all read later
	}
	old := t.ports[p.Number]
	if reason == openflow.PortDeleted {
		delete(t.ports, p.Number)
		return false
	}
	t.ports[p.Number] = p
	return old.Config.String() != p.Config.String()
}

// config names the flags of a port that should not be set. It is empty if there are none, and for an unknown port.
func (t *portTable) config(number uint16) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ports[number].Config.String()
}

func (t *portTable) setLive(live bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live = live
}

func (t *portTable) isLive() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.live
}
