package newkind

import "weft/model/desired"

const itemBeacon desired.Kind = "beacon"

func beaconItems() desired.ItemKind {
	return desired.ItemKind{Kind: itemBeacon, New: func() desired.Item { return &beaconItem{} }}
}

// beaconItem is a beacon on its node.
type beaconItem struct {
	UID     string `json:"uid"`
	Channel int    `json:"channel"`
	Color   string `json:"color,omitempty"`
}

func (b *beaconItem) Key() desired.Key { return desired.Key{Kind: itemBeacon, UID: b.UID} }
