package kind

import (
	"reflect"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/partial"
)

// networkKind: a network becomes an item on each node where something refers to it. It claims its segment and addresses for its
// gateways and DHCP servers.
func networkKind() ObjectKind {
	return ObjectKind{
		Cache: cache.ObjectKind{KindInfo: model.NetworkKind(), SameToOthers: sameNetworkToOthers},
		Claim: claim.ObjectKind{Claims: func(a *claim.Allocation) { claimNetwork(a, a.Object().Spec.(*model.NetworkSpec)) }},
		Place: func(p *Placement) error {
			key := desired.Key{Kind: desired.KindNetwork, UID: p.accepted.UID}
			for _, name := range p.Cache.PlacedOn(key) {
				p.Schedule.Begin(cache.ItemWork(name, key))
			}
			return nil
		},
		Explicit: func(s model.Spec) bool { return s.(*model.NetworkSpec).SegmentationID != 0 },
	}
}

func networkItemKind() ItemKind {
	return ItemKind{
		Cache:    cache.ItemKind{ItemKind: desired.NetworkKind(), Shared: true},
		Update:   updateNetwork,
		Withdraw: updateLater, // more nodes than fit one transaction are possible
		Prepare: func(p *partial.Part, name string, k desired.Key) {
			p.Node(name)
			id, _ := p.Cache.ID(k.UID)
			prepareNetwork(p, id)
		},
	}
}

// sameNetworkToOthers compares what objects that refer to a network read of it. The network's own items on the nodes read the rest.
// So a thousand ports need not be evaluated for a new lease time.
func sameNetworkToOthers(was, is *etcdschema.Accepted) bool {
	before, now := was.Object.Spec.(*model.NetworkSpec), is.Object.Spec.(*model.NetworkSpec)
	return reflect.DeepEqual(before.Subnets, now.Subnets) && reflect.DeepEqual(before.External, now.External) &&
		reflect.DeepEqual(before.PortLimits, now.PortLimits) && before.PhysicalNetwork == now.PhysicalNetwork && before.Type == now.Type &&
		before.IsolateGuests == now.IsolateGuests
}

// updateNetwork updates a network's item. It exists while something in the node config refers to the network. The first work that
// refers to the network starts it.
func updateNetwork(e *Evaluation, name string, k desired.Key) error {
	if !needs(e.Reader, name, k.UID) {
		e.Forget()
		e.Tx.RemoveItem(name, k)
		return nil
	}
	network := e.WithUID(k.UID)
	if network == nil || network.Object.ID().Kind != model.KindNetwork {
		return nil // an old incarnation: it is removed with the last port or router that uses it
	}
	id := network.Object.ID()
	_, err := e.Tx.PutItem(name, resolveNetwork(e.Reader, name, e.Whole(id)))
	return err
}
