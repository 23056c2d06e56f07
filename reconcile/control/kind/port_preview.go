package kind

import (
	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/partial"
)

// surroundingsOfPort reads what a port's spec looks at.
func surroundingsOfPort(p *partial.Part, o model.Object) {
	s := o.Spec.(*model.PortSpec)
	prepareNetwork(p, s.NetworkID(o.Metadata.Project))
	p.Node(s.Host)
	p.Node(s.MigrateTo)
	if filtered(p.Cache, o) {
		p.Everything() // the items of its groups depend on many other ports
	}
	prepareNamed(p, s, o.Metadata.Name)
}

// preparePort reads a port, its claims, its node, and the floating addresses that may lead to it.
func preparePort(p *partial.Part, id model.ID) {
	p.Objects(id)
	p.OfKind(id.Project, model.KindFloatingIP)
	for _, o := range p.Versions(id) {
		p.RefersTo(o)
		surroundingsOfPort(p, o)
	}
	a := p.Cache.Accepted(id)
	if a == nil {
		return
	}
	s := a.Object.Spec.(*model.PortSpec)
	iface := interfaceID(s, id.Name, a.UID)
	keys := append(devicesOf(s, deviceName(a, iface), iface), etcdschema.MACClaim(a.Allocated.MAC), etcdschema.InterfaceClaim(iface))
	if s.MigrateTo != "" {
		keys = append(keys, etcdschema.ActualBucket(s.MigrateTo, etcdschema.Bucket(a.UID)))
	}
	for _, o := range p.Versions(id) {
		s := o.Spec.(*model.PortSpec)
		for _, host := range []string{s.Host, s.MigrateTo, activeHost(a)} {
			if host != "" {
				keys = append(keys, etcdschema.DesiredKey(host, metadataKey(a.UID)))
			}
		}
	}
	p.Get(keys...)
	p.Node(activeHost(a))
}

// filtered says that the port has security groups, or had when it was accepted. Its project may give it some.
func filtered(c *cache.Cache, o model.Object) bool {
	if a := c.Accepted(o.ID()); a != nil && len(a.Allocated.SecurityGroups) > 0 {
		return true
	}
	return len(effectiveGroups(c.Reader(), o.Metadata.Project, o.Spec.(*model.PortSpec))) > 0
}

// prepareNamed reads the claims of values that a spec names, because another object may have them.
func prepareNamed(p *partial.Part, s *model.PortSpec, name string) {
	var keys []etcdschema.Key
	if !s.MAC.IsZero() {
		keys = append(keys, etcdschema.MACClaim(s.MAC))
		p.List(etcdschema.PairMACClaims(s.MAC))
	}
	for _, pair := range s.AllowedAddressPairs {
		if !pair.MAC.IsZero() {
			keys = append(keys, etcdschema.MACClaim(pair.MAC))
			p.List(etcdschema.PairMACClaims(pair.MAC))
		}
	}
	if iface := interfaceID(s, name, ""); iface != "" {
		keys = append(keys, etcdschema.InterfaceClaim(iface))
		keys = append(keys, devicesOf(s, defaultDeviceName(iface), iface)...)
	}
	if s.Device != "" {
		keys = append(keys, devicesOf(s, s.Device, "")...)
	}
	p.Get(keys...)
}

// devicesOf are the claims of a port's device and of the names that the device may have by convention.
func devicesOf(s *model.PortSpec, device, iface string) (keys []etcdschema.Key) {
	names := []string{device}
	if iface != "" {
		names = append(names, defaultDeviceName(iface), hashedDeviceName(iface))
	}
	for _, name := range names {
		keys = append(keys, etcdschema.DeviceClaim(etcdschema.AnyHost, name))
		for _, host := range []string{s.Host, s.MigrateTo} {
			if host != "" {
				keys = append(keys, etcdschema.DeviceClaim(host, name))
			}
		}
	}
	return keys
}
