package control

import (
	"reflect"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// networkKind: a network becomes an item on each node where something refers to it. It claims its segment and addresses for its
// gateways and DHCP servers.
func networkKind() ObjectKind {
	return ObjectKind{
		KindInfo: model.NetworkKind(),
		Claims:   func(a *Allocation) { a.network(a.object.Spec.(*model.NetworkSpec)) },
		Place: func(p *Placement) error {
			key := desired.Key{Kind: desired.KindNetwork, UID: p.accepted.UID}
			for name := range p.planner.cache.placed[key] {
				p.planner.begin(unit{kind: unitItem, node: name, item: key})
			}
			return nil
		},
		explicit:     func(s model.Spec) bool { return s.(*model.NetworkSpec).SegmentationID != 0 },
		sameToOthers: sameNetworkToOthers,
	}
}

func networkItemKind() ItemKind {
	return ItemKind{
		ItemKind: desired.NetworkKind(),
		update: func(p *planner, tx *transaction, name string, k desired.Key) error {
			return p.reading(unit{kind: unitItem, node: name, item: k}, func() error { return p.networkItem(tx, name, k) })
		},
		withdraw: (*planner).updateLater, // more nodes than fit one transaction are possible
		prepare: func(p *part, name string, k desired.Key) {
			p.node(name)
			p.network(p.cache.ids[k.UID])
		},
	}
}

// sameNetworkToOthers compares what objects that refer to a network read of it. The network's own items on the nodes read the rest.
// So a thousand ports need not be evaluated for a new lease time.
func sameNetworkToOthers(was, is *etcdschema.Accepted) bool {
	before, now := was.Object.Spec.(*model.NetworkSpec), is.Object.Spec.(*model.NetworkSpec)
	return reflect.DeepEqual(before.Subnets, now.Subnets) && reflect.DeepEqual(before.External, now.External) &&
		before.PhysicalNetwork == now.PhysicalNetwork && before.Type == now.Type
}

// networkItem updates a network's item. It exists while something in the node config refers to the network. The first unit that refers to
// the network starts it.
func (p *planner) networkItem(tx *transaction, name string, k desired.Key) error {
	if !p.reader.needs(name, k.UID) {
		p.reader.forget()
		tx.removeItem(name, k)
		return nil
	}
	network := p.reader.withUID(k.UID)
	if network == nil || network.Object.ID().Kind != model.KindNetwork {
		return nil // an old incarnation: it is removed with the last port or router that uses it
	}
	id := network.Object.ID()
	p.statusOf(id)
	_, err := tx.putItem(name, p.reader.network(name, p.reader.whole(id)))
	return err
}
