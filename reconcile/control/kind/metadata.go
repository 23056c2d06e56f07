package kind

import (
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/partial"
)

// metadataItemKind: what a port's guest is configured with is an item beside the port's on each of its nodes.
func metadataItemKind() ItemKind {
	return ItemKind{
		Cache:  cache.ItemKind{ItemKind: desired.MetadataKind()},
		Update: updateMetadata,
		Large:  true,
		Prepare: func(p *partial.Part, name string, k desired.Key) {
			p.Node(name)
			p.Get(etcdschema.DesiredKey(name, k))
			if id, ok := p.Cache.ID(k.UID); ok {
				p.Objects(id)
			}
		},
	}
}

func metadataKey(port string) desired.Key { return desired.Key{Kind: desired.KindMetadata, UID: port} }

// besidePort is up to how many bytes the item is written in the port's transaction: a guest that boots at once must find all of it. The
// transaction has it three times, in the accepted port and on two nodes, and JSON writes one byte as six at worst (\u003c).
const besidePort = 48 << 10

// putMetadata writes the item of a port that was put on the node: in the same transaction, or, if it is too large for that, in the next one.
func putMetadata(e *Evaluation, name, port string) error {
	work := cache.ItemWork(name, metadataKey(port))
	acc := e.WithUID(port)
	if acc == nil {
		return nil
	}
	item := resolveMetadata(acc)
	switch {
	case item == nil && e.Cache.Item(name, work.Item) == nil: // most ports
		return nil
	case item != nil && sizeOf(item) > besidePort:
		e.Schedule.Later(work)
		return nil
	}
	return e.Schedule.Evaluate(e.Tx, work)
}

// sizeOf is the number of bytes of the item's values.
func sizeOf(m *desired.Metadata) int {
	n := len(m.UserData)
	for _, key := range m.SSHKeys {
		n += len(key)
	}
	for _, w := range m.Words {
		n += len(w.Key) + len(w.Value)
	}
	return n
}

// updateMetadata updates the item of a port on a node. It is there with the port's own item, if the node can use it. Otherwise the port is
// there without it, because the guest needs its connection more.
func updateMetadata(e *Evaluation, name string, k desired.Key) error {
	e.statusOf(k.UID) // it tells the revision of both items
	port := e.WithUID(k.UID)
	if port == nil || port.Object.ID().Kind != model.KindPort || e.Cache.Item(name, desired.Key{Kind: desired.KindPort, UID: k.UID}) == nil {
		e.Forget() // the port begins it when it is on the node
		e.Tx.RemoveItem(name, k)
		return nil
	}
	item := resolveMetadata(e.Whole(port.Object.ID()))
	if _, lacks := e.Lacks(name, desired.FeatureMetadata); lacks || item == nil {
		e.Tx.RemoveItem(name, k)
		return nil
	}
	_, err := e.Tx.PutItem(name, item)
	return err
}

// resolveMetadata is the item of a port; nil when the port says nothing for its guest.
func resolveMetadata(port *etcdschema.Accepted) *desired.Metadata {
	s := port.Object.Spec.(*model.PortSpec)
	m := &desired.Metadata{UID: port.UID, UserData: s.UserDataBytes(), SSHKeys: s.SSHKeys, Words: s.Metadata}
	if len(m.UserData) == 0 && len(m.SSHKeys) == 0 && len(m.Words) == 0 {
		return nil
	}
	return m
}

// awaitMetadata says that a port is not programmed on a node before what its guest is configured with is.
func awaitMetadata(c *cache.Cache, name string, item desired.Item, s *etcdschema.NodeStatus) {
	e := c.Item(name, metadataKey(item.Key().UID))
	if e == nil {
		port := c.WithUID(item.Key().UID)
		_, lacks := c.Reader().Lacks(name, desired.FeatureMetadata)
		s.Programmed = s.Programmed && (port == nil || lacks || resolveMetadata(port) == nil) // it follows
		return
	}
	s.DesiredRevision = max(s.DesiredRevision, e.ModRevision)
	s.Programmed = s.Programmed && c.Node(name).Processed(e.ModRevision)
}
