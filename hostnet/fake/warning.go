package fake

import "weft/hostnet/object"

// Warn sets the warnings about an object, with an event.
func (h *Host) Warn(k object.Key, warnings ...object.Warning) {
	h.change([]object.Key{k}, func() { h.warnings[k] = warnings })
}

// Attach plays a hypervisor that writes its guest's MAC on an OVS interface that it plugged.
func (h *Host) Attach(device, mac string) {
	h.change(nil, func() {
		if i, there := h.facts.Interfaces[device]; there && !i.Created {
			i.AttachedMAC = mac
			h.facts.Interfaces[device] = i
		}
	}, device)
}

// Warnings implements the engine's Warner.
func (d *Driver) Warnings(desired object.Object) []object.Warning {
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	return d.host.warnings[desired.Key()]
}

// Reject sets the counts of an object's rejected frames. As on a real host, nobody is told: the sweep asks.
func (h *Host) Reject(k object.Key, counts ...object.Rejected) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rejected[k] = counts
}

// Rejected implements the engine's Rejecter.
func (d *Driver) Rejected(desired object.Object) []object.Rejected {
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	return d.host.rejected[desired.Key()]
}
