package kind

import (
	"fmt"
	"maps"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
)

// placePort writes the accepted port to the node configs, in one transaction. It leaves the nodes on which the port must not be any more, and
// is written to the others together with its network. A node that cannot take the port keeps what it has, as long as that gives the
// guest nothing that it must not have any more.
func placePort(p *Placement) error {
	acc, e := p.accepted, p.Evaluation
	spec := acc.Object.Spec.(*model.PortSpec)
	key := desired.Key{Kind: desired.KindPort, UID: acc.UID}
	states := placements(acc)
	for _, name := range p.Cache.PlacedOn(key) {
		if _, stays := states[name]; !stays {
			takeOffPort(e, name, key)
		}
	}
	network := p.Reader.Accepted(spec.NetworkID(acc.Object.Metadata.Project))
	if network == nil {
		return nil
	}
	if k, ok := unowned(e.Reader, acc, network); ok {
		// The network was deleted and declared again, and another port was faster. Two guests with one address would harm both.
		for _, name := range p.Cache.PlacedOn(key) {
			takeOffPort(e, name, key)
		}
		p.Pending("spec.addresses", fmt.Sprintf("is wired nowhere: %s is not its own on the present incarnation of the network", k))
		return nil
	}
	groups, ok := groupsOf(p)
	if !ok {
		for _, name := range p.Cache.PlacedOn(key) {
			takeOffPort(e, name, key) // only of a project whose default never existed
		}
		return nil
	}
	limits, pairs := limitsOf(e.Reader, acc, network), usablePairs(p, network)
	for _, name := range slices.Sorted(maps.Keys(states)) {
		item := resolvePort(acc, network.UID, states[name])
		item.Limits, item.AddressPairs, item.SecurityGroups = limits, pairs, groups
		if why := unplaceable(e.Reader, name, item, network); why != "" {
			field := "spec.host"
			if name != spec.Host {
				field = "spec.migrateTo"
			}
			p.Pending(field, why)
			if !harmless(p.Cache, name, item) || unfiltered(e.Reader, name, item) {
				takeOffPort(e, name, key)
			}
			continue
		}
		if err := putPort(e, name, item, network); err != nil {
			return err
		}
	}
	return nil
}

// harmless says that what the node has of the port may stay although it cannot be updated.
func harmless(c *cache.Cache, name string, now *desired.Port) bool {
	was, ok := cache.ValueOf[*desired.Port](c.Item(name, now.Key()))
	if !ok || was.State != now.State || was.Network != now.Network || was.MAC != now.MAC {
		return false
	}
	for _, a := range was.Addresses {
		if !slices.Contains(now.Addresses, a) {
			return false
		}
	}
	if len(was.SecurityGroups) == 0 && len(now.SecurityGroups) > 0 {
		return false
	}
	for _, g := range was.SecurityGroups {
		if len(now.SecurityGroups) > 0 && !slices.Contains(now.SecurityGroups, g) {
			return false
		}
	}
	for _, a := range was.AddressPairs {
		if !slices.Contains(now.AddressPairs, a) {
			return false
		}
	}
	return was.HostNet == (desired.HostNet{}) || was.HostNet == now.HostNet
}

// unfiltered says that the node would let everything pass although the port has security groups, because its weftd is too old for them.
func unfiltered(s *cache.Reader, name string, now *desired.Port) bool {
	_, lacks := s.Lacks(name, desired.FeatureSecurityGroups)
	return lacks && len(now.SecurityGroups) > 0
}

// unowned finds an allocated address that the port has not claimed on the present incarnation of the network.
func unowned(s *cache.Reader, acc, network *etcdschema.Accepted) (etcdschema.Key, bool) {
	for _, a := range acc.Allocated.Addresses {
		k := etcdschema.AddressClaim(network.UID, a)
		if !s.Owns(acc.UID, k) {
			return k, true
		}
	}
	return etcdschema.Key{}, false
}

// putPort writes a port to a node config, together with its network.
func putPort(e *Evaluation, name string, item *desired.Port, network *etcdschema.Accepted) error {
	before := networkOn(e.Cache, name, item.Key())
	// The network's own work records the reads.
	if _, err := e.Tx.PutItem(name, resolveNetwork(e.Quiet(), name, network)); err != nil {
		return err
	}
	if _, err := e.Tx.PutItem(name, item); err != nil {
		return err
	}
	e.Schedule.Begin(cache.ItemWork(name, desired.Key{Kind: desired.KindNetwork, UID: network.UID}))
	if err := putMetadata(e, name, item.UID); err != nil {
		return err
	}
	beginRouter(e, name, network.UID)
	beginGroups(e, name, item)
	if before != "" && before != network.UID {
		dropUnused(e, name, before)
	}
	return nil
}

// takeOffPort removes a port from a node config, and its network if nothing else there needs it.
func takeOffPort(e *Evaluation, name string, key desired.Key) {
	network := networkOn(e.Cache, name, key)
	e.Tx.RemoveItem(name, key)
	e.Tx.RemoveItem(name, metadataKey(key.UID))
	dropUnused(e, name, network)
}

// networkOn is the uid of the network that a port's item on the node names.
func networkOn(c *cache.Cache, name string, key desired.Key) string {
	if item, ok := cache.ValueOf[*desired.Port](c.Item(name, key)); ok {
		return item.Network
	}
	return ""
}

// dropUnused removes a network from a node config if nothing there needs it.
func dropUnused(e *Evaluation, name, network string) {
	if network != "" {
		beginRouter(e, name, network)
	}
	if network == "" || needs(e.Quiet(), name, network) {
		return
	}
	e.Tx.RemoveItem(name, desired.Key{Kind: desired.KindNetwork, UID: network})
}
