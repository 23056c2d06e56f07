package newkind

import (
	"fmt"

	"weft/model/desired"
	"weft/reconcile/compile"
)

// hostKinds are all kinds of items of this version, and the new one.
func hostKinds() compile.Kinds {
	return append(compile.AllKinds(), compile.Kind{ItemKind: beaconItems(), Item: 201, Compile: compileBeacon})
}

// compileBeacon makes the lamp. Its socket is a netdev of the host, which may be missing.
func compileBeacon(c compile.Compiler, b *compile.Builder, uid string) {
	item, ok := c.Reader().Item(desired.Key{Kind: itemBeacon, UID: uid}).(*beaconItem)
	if !ok {
		return
	}
	socket := fmt.Sprint("lamp", item.Channel)
	if _, there := c.Reader().Link(socket); !there {
		b.Pend("waits for device %s", socket)
		return
	}
	b.Add(&lamp{owner: uid, socket: socket, color: item.Color})
}
