package kind

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// resolveHost makes the host's own item. prefix is the prefix of the MACs that the controllers choose.
func resolveHost(s *cache.Reader, prefix [3]byte, a *etcdschema.Accepted) *desired.Host {
	spec := a.Object.Spec.(*model.HostSpec)
	h := &desired.Host{UID: a.UID, Name: a.Object.Metadata.Name, Driver: spec.Driver, Bridge: spec.Bridge}
	if h.Driver == "" {
		h.Driver = model.DriverOVS
	}
	if h.Bridge == "" {
		h.Bridge = model.DefaultBridge
	}
	h.RouterMAC = a.Allocated.MAC
	if prefix != claim.DefaultMACPrefix() {
		copy(h.MACPrefix[:], prefix[:])
	}
	resolveManagement(s, spec, h)
	for _, p := range spec.PhysicalNetworks {
		if isManagement(s, p.Name) {
			continue // the host's own
		}
		h.Uplinks = append(h.Uplinks, desired.Uplink{
			PhysicalNetwork: p.Name, Interface: p.Interface, MTU: physicalMTU(s, p.Name),
		})
	}
	h.Services = servicesOf(spec)
	return h
}

func physicalMTU(s *cache.Reader, name string) int {
	a := s.Accepted(model.ID{Project: model.ClusterProject, Kind: model.KindPhysicalNetwork, Name: name})
	if a == nil || a.Object.Spec.(*model.PhysicalNetworkSpec).MTU == 0 {
		return model.DefaultMTU
	}
	return a.Object.Spec.(*model.PhysicalNetworkSpec).MTU
}

// beginHost starts the work of the host, which claims what the routers on it need.
func beginHost(e *Evaluation, name string) {
	if e.Cache.Accepted(model.HostID(name)) != nil {
		e.Schedule.Begin(cache.ObjectWork(model.HostID(name)))
	}
}
