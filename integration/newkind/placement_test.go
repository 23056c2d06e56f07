package newkind

import (
	"fmt"

	"weft/etcdschema"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/kind"
)

// controllerKinds are all kinds of this version, and the new one.
func controllerKinds() kind.Kinds {
	kinds := kind.AllKinds()
	kinds.Objects = append(kinds.Objects, kind.ObjectKind{
		Cache: cache.ObjectKind{KindInfo: beaconKind()}, Claim: claim.ObjectKind{Claims: claimChannel}, Place: placeBeacon,
	})
	kinds.Items = append(kinds.Items, kind.ItemKind{Cache: cache.ItemKind{ItemKind: beaconItems()}})
	return kinds
}

func claimChannel(a *claim.Allocation) {
	channel := a.Object().Spec.(*beaconSpec).Channel
	a.Claim("spec.channel", etcdschema.ParseKey(fmt.Sprintf("claim/beacon/%d", channel)), fmt.Sprintf("channel %d", channel))
}

func placeBeacon(p *kind.Placement) error {
	s := p.Object().Object.Spec.(*beaconSpec)
	item := &beaconItem{UID: p.Object().UID, Channel: s.Channel, Color: s.Color}
	return p.Put(itemBeacon, map[string]desired.Item{s.Host: item})
}
