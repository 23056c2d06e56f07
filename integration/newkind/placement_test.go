package newkind

import (
	"fmt"

	"weft/etcdschema"
	"weft/model/desired"
	"weft/reconcile/control"
)

// controllerKinds are all kinds of this version, and the new one.
func controllerKinds() control.Kinds {
	kinds := control.AllKinds()
	kinds.Objects = append(kinds.Objects, control.ObjectKind{KindInfo: beaconKind(), Claims: claimChannel, Place: placeBeacon})
	kinds.Items = append(kinds.Items, control.ItemKind{ItemKind: beaconItems()})
	return kinds
}

func claimChannel(a *control.Allocation) {
	channel := a.Object().Spec.(*beaconSpec).Channel
	a.Claim("spec.channel", etcdschema.ParseKey(fmt.Sprintf("claim/beacon/%d", channel)), fmt.Sprintf("channel %d", channel))
}

func placeBeacon(p *control.Placement) error {
	s := p.Accepted().Object.Spec.(*beaconSpec)
	item := &beaconItem{UID: p.Accepted().UID, Channel: s.Channel, Color: s.Color}
	return p.Put(itemBeacon, map[string]desired.Item{s.Host: item})
}
