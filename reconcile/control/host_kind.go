package control

import (
	"reflect"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// hostKind: a host becomes the host's own item on its node. It claims a MAC and addresses on external networks for its distributed
// routers.
func hostKind() ObjectKind {
	return ObjectKind{
		KindInfo: model.HostKind(), ComesLater: true,
		Claims: func(a *Allocation) { a.host(a.object.Spec.(*model.HostSpec)) },
		Place: func(p *Placement) error {
			name := p.accepted.Object.Metadata.Name
			p.planner.beginRouters(name)
			return p.planner.putHost(p.transaction, name, p.accepted)
		},
		keep: func(p *planner, previous, next *etcdschema.Accepted) {
			next.GatewaySecret = p.gatewaySecret(previous, next)
		},
		index: func(c *Cache, acc *etcdschema.Accepted, add bool) {
			c.indexHost(acc.Object.ID(), acc.Object.Spec.(*model.HostSpec), add)
		},
		changed:  (*Cache).hostChanged,
		referred: func(s *reader, id model.ID) { s.lacks(id.Name) },
		prepare:  func(p *part, id model.ID) { p.host(id.Name) },
	}
}

func hostItemKind() ItemKind {
	return ItemKind{
		ItemKind: desired.HostKind(),
		update: func(p *planner, tx *transaction, name string, k desired.Key) error {
			id, known := p.objectOf(k)
			if !known || id.Name != name {
				tx.removeItem(name, k)
				return nil
			}
			p.statusOf(id)
			return p.putHost(tx, name, p.cache.accepted[id])
		},
	}
}

func (p *planner) putHost(tx *transaction, name string, host *etcdschema.Accepted) error {
	_, err := tx.putItem(name, p.reader.host(p.settings.MACPrefix, host))
	return err
}

func (c *Cache) indexHost(id model.ID, s *model.HostSpec, add bool) {
	for _, m := range s.PhysicalNetworks {
		c.mapped.change(m.Name, id, add)
	}
	if add && slices.Contains(s.Roles, model.RoleGateway) {
		c.gateways[id.Name] = struct{}{}
	} else {
		delete(c.gateways, id.Name)
	}
}

// hostChanged reports when a physical network gets its first host or loses its last one, and when a gateway host changes.
func (c *Cache) hostChanged(was, is *etcdschema.Accepted) {
	gateway := false
	for _, h := range []*etcdschema.Accepted{was, is} {
		if h == nil {
			continue
		}
		s := h.Object.Spec.(*model.HostSpec)
		gateway = gateway || slices.Contains(s.Roles, model.RoleGateway)
		for _, m := range s.PhysicalNetworks {
			if len(c.mapped[m.Name]) <= 1 {
				c.record.changed(read{of: groupMapped, name: m.Name})
			}
		}
	}
	same := was != nil && is != nil && was.Allocated.MAC == is.Allocated.MAC && was.GatewaySecret == is.GatewaySecret &&
		reflect.DeepEqual(was.Object.Spec, is.Object.Spec)
	if gateway && !same {
		c.record.changed(read{of: groupGateways})
	}
}
