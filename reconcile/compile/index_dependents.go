package compile

import "weft/model/desired"

// dependents collects the item and what hangs on it, as the index knows it now.
func (x *Index) dependents(slice *desired.Slice, key desired.Key) keySet {
	dirty := keySet{key: {}}
	switch key.Kind {
	case desired.KindHost:
		x.everything(slice, dirty)
	case desired.KindNetwork:
		x.addNetwork(key.UID, dirty)
	case desired.KindPort:
		x.addPort(key.UID, dirty)
	case desired.KindRouter:
		x.addRouter(key.UID, dirty)
	case desired.KindFloatingIP:
		x.addFloating(key.UID, dirty)
	}
	return dirty
}

func (x *Index) everything(slice *desired.Slice, dirty keySet) {
	if slice.Host != nil {
		dirty.add(desired.KindHost, slice.Host.UID)
	}
	if x.host != nil {
		dirty.add(desired.KindHost, x.host.UID)
	}
	for uid := range x.networks {
		dirty.add(desired.KindNetwork, uid)
	}
	for uid := range x.ports {
		dirty.add(desired.KindPort, uid)
	}
	for uid := range x.routers {
		dirty.add(desired.KindRouter, uid)
	}
	for uid := range x.floatings {
		dirty.add(desired.KindFloatingIP, uid)
	}
	for uid := range x.parts {
		dirty.add(desired.KindNeighbors, uid)
	}
}

// addNetwork adds a network, those it competes with for its number or its VLAN, and the ports of all.
func (x *Index) addNetwork(uid string, dirty keySet) {
	x.addNetworkPorts(uid, dirty)
	r, ok := x.networks[uid]
	if !ok {
		return
	}
	for peer := range x.bySegment[r.segment] {
		x.addNetworkPorts(peer, dirty)
	}
	if r.hasNumber {
		for peer := range x.byNumber[r.number] {
			x.addNetworkPorts(peer, dirty)
		}
	}
}

func (x *Index) addNetworkPorts(uid string, dirty keySet) {
	dirty.add(desired.KindNetwork, uid)
	for port := range x.byNetwork[uid] {
		dirty.add(desired.KindPort, port)
	}
	x.addNetworkRouters(uid, dirty)
}

// addPort adds a port, those it competes with, and the networks in whose flood lists they stand.
func (x *Index) addPort(uid string, dirty keySet) {
	dirty.add(desired.KindPort, uid)
	r, ok := x.ports[uid]
	if !ok {
		return
	}
	dirty.add(desired.KindNetwork, r.network)
	for _, peers := range []map[string]struct{}{
		x.byDevice[r.device], x.byInterfaceID[r.interfaceID], x.byMAC[portMAC{r.network, r.mac}],
	} {
		for peer := range peers {
			dirty.add(desired.KindPort, peer)
			dirty.add(desired.KindNetwork, x.ports[peer].network)
		}
	}
}

// concerned adds what the facts of a device decide. interfaceID is the one the device has now; the one it had when the
// index last saw it counts too.
func (x *Index) concerned(slice *desired.Slice, device, interfaceID string, dirty keySet) {
	for uid := range x.byDevice[device] {
		x.addPort(uid, dirty)
	}
	for _, id := range []string{interfaceID, x.facts.Interfaces[device].InterfaceID} {
		if id == "" {
			continue
		}
		for uid := range x.byInterfaceID[id] {
			x.addPort(uid, dirty)
		}
	}
	if uid, ok := x.legDevices[device]; ok {
		dirty.add(desired.KindRouter, uid)
		if x.routers[uid].watch != "" {
			x.addRouterUsers(uid, dirty)
		}
	}
	if uid, ok := x.sessions[device]; ok {
		x.addWatchers(uid, dirty)
	}
	if uid, ok := x.extDevices[device]; ok {
		dirty.add(desired.KindNetwork, uid)
	}
	if slice.Host == nil {
		return
	}
	if device == slice.Host.Bridge {
		dirty.add(desired.KindHost, slice.Host.UID)
	}
	for _, u := range slice.Host.Uplinks {
		if u.Interface != device && x.altNames[u.Interface] != device {
			continue
		}
		dirty.add(desired.KindHost, slice.Host.UID)
		for uid := range x.byPhysnet[u.PhysicalNetwork] {
			x.addNetwork(uid, dirty)
		}
	}
}
