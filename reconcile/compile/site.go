package compile

import (
	"weft/model"
	"weft/model/desired"
)

// site returns the host's site. It returns false, with the result pending, while there is no such host.
func (c Compiler) site(b *Builder) (Site, bool) {
	h := c.declaredHost()
	if h == nil {
		b.Pend("waits for the host's bridge")
		return Site{}, false
	}
	backend := c.backend(h)
	if backend == nil {
		b.Pend("waits for the host's driver")
		return Site{}, false
	}
	return Site{c, h, backend}, true
}

// backend finds the host's backend; nil when this version does not know its driver.
func (c Compiler) backend(h *desired.Host) Backend {
	if h.Driver == "" {
		return c.backends[model.DriverOVS]
	}
	return c.backends[h.Driver]
}

// Derive returns a value of each name, in their order, such as a number that the backend needs of each port of a network. A value
// is computed once and kept until something that it was made of changes. The item that is compiled now depends on the values, not
// on what they were made of. of is the source of one value, within that of all of them: numbers of the backend's own, from
// ReadsOfBackend. Without a host all values are 0.
func (s Site) Derive(within Read, of Source, names []string, compute func(s Site, name string) uint32) []uint32 {
	s.read.note(within.Of, within.Name)
	values := make([]uint32, len(names))
	for i, name := range names {
		values[i] = s.read.derive(Read{of, name}, within, func(own *Reader) uint32 {
			c := Compiler{own, s.backends}
			h := c.declaredHost()
			if h == nil {
				return 0
			}
			return compute(Site{c, h, s.backend}, name)
		})
	}
	return values
}

// datapathUserspace is Open vSwitch's datapath_type for the datapath that forwards in a thread of ovs-vswitchd.
const datapathUserspace = "netdev"

// userspace says that a thread of the switch forwards every packet of the host.
func (s Site) userspace() bool { return s.read.DatapathType() == datapathUserspace }
