package control

import (
	"fmt"
	"maps"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// place writes the accepted port to the node configs, in one transaction. It leaves the nodes on which the port must not be any more, and
// is written to the others together with its network. A node that cannot take the port keeps what it has, as long as that gives the
// guest nothing that it must not have any more.
func (p *planner) place(tx *transaction, acc *etcdschema.Accepted, cond *condition) error {
	spec := acc.Object.Spec.(*model.PortSpec)
	key := desired.Key{Kind: desired.KindPort, UID: acc.UID}
	states := placements(acc)
	for _, name := range p.placedOn(key) {
		if _, stays := states[name]; !stays {
			p.takeOff(tx, name, key)
		}
	}
	network := p.reader.accepted(spec.NetworkID(acc.Object.Metadata.Project))
	if network == nil {
		return nil
	}
	if k, ok := p.unowned(acc, network); ok {
		// The network was deleted and declared again, and another port was faster. Two guests with one address would harm both.
		p.withdraw(tx, desired.KindPort, acc.UID)
		cond.pending("spec.addresses", fmt.Sprintf("is wired nowhere: %s is not its own on the present incarnation of the network", k))
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(states)) {
		item := resolvePort(acc, network.UID, states[name])
		if why := p.reader.unplaceable(name, item, network); why != "" {
			field := "spec.host"
			if name != spec.Host {
				field = "spec.migrateTo"
			}
			cond.pending(field, why)
			if !p.harmless(name, item) {
				p.takeOff(tx, name, key)
			}
			continue
		}
		if err := p.putOn(tx, name, item, network); err != nil {
			return err
		}
	}
	return nil
}

// harmless says that what the node has of the port may stay although it cannot be updated.
func (p *planner) harmless(name string, now *desired.Port) bool {
	e := p.cache.node(name).items[now.Key()]
	was, ok := entryValue[*desired.Port](e)
	if !ok || was.State != now.State || was.Network != now.Network || was.MAC != now.MAC {
		return false
	}
	for _, a := range was.Addresses {
		if !slices.Contains(now.Addresses, a) {
			return false
		}
	}
	return true
}

// unowned finds an allocated address that the port has not claimed on the present incarnation of the network.
func (p *planner) unowned(acc, network *etcdschema.Accepted) (etcdschema.Key, bool) {
	for _, a := range acc.Allocated.Addresses {
		k := etcdschema.AddressClaim(network.UID, a)
		if !p.reader.owns(acc.UID, k) {
			return k, true
		}
	}
	return etcdschema.Key{}, false
}

func (p *planner) placedOn(k desired.Key) []string {
	return slices.Sorted(maps.Keys(p.cache.placed[k]))
}

func (p *planner) putOn(tx *transaction, name string, item *desired.Port, network *etcdschema.Accepted) error {
	before := p.networkOn(name, item.Key())
	quiet := &reader{cache: p.cache} // records nothing: the network's own unit records its reads
	if changed, err := tx.putItem(name, quiet.network(name, network)); err != nil {
		return err
	} else if changed {
		p.statusOf(network.Object.ID())
	}
	if _, err := tx.putItem(name, item); err != nil {
		return err
	}
	p.begin(unit{kind: unitItem, node: name, item: desired.Key{Kind: desired.KindNetwork, UID: network.UID}})
	p.beginRouter(name, network.UID)
	if before != "" && before != network.UID {
		p.dropUnused(tx, name, before)
	}
	return nil
}

// takeOff removes a port from a node config, and its network if nothing else there needs it.
func (p *planner) takeOff(tx *transaction, name string, key desired.Key) {
	network := p.networkOn(name, key)
	tx.removeItem(name, key)
	p.dropUnused(tx, name, network)
}

// networkOn is the uid of the network that a port's item on the node names.
func (p *planner) networkOn(name string, key desired.Key) string {
	if e := p.cache.node(name).items[key]; e != nil {
		if item, ok := e.value.(*desired.Port); ok {
			return item.Network
		}
	}
	return ""
}

func (p *planner) dropUnused(tx *transaction, name, network string) {
	if network != "" {
		p.beginRouter(name, network)
	}
	if network == "" || p.cache.node(name).needs(network) {
		return
	}
	if tx.removeItem(name, desired.Key{Kind: desired.KindNetwork, UID: network}) {
		if id, ok := p.cache.ids[network]; ok {
			p.statusOf(id)
		}
	}
}

// withdraw removes every item with the uid from all nodes.
func (p *planner) withdraw(tx *transaction, of desired.Kind, uid string) {
	kind, _ := p.cache.kinds.item(of)
	key := desired.Key{Kind: of, UID: uid}
	for _, name := range p.placedOn(key) {
		p.takeAway(kind, tx, name, key)
	}
}

// takeAway removes an item whose object is gone from a node.
func (p *planner) takeAway(kind *ItemKind, tx *transaction, name string, k desired.Key) {
	if kind.withdraw != nil {
		kind.withdraw(p, tx, name, k)
		return
	}
	tx.removeItem(name, k)
}

// updateLater evaluates an item in a unit of its own.
func (p *planner) updateLater(_ *transaction, name string, k desired.Key) {
	p.queue.add(unit{kind: unitItem, node: name, item: k})
}
