package compile

import (
	"weft/hostnet/object"
	"weft/model/desired"
)

// hostKind compiles the host: its switch, its uplinks and what all networks share.
func hostKind() Kind {
	return Kind{ItemKind: desired.HostKind(), Item: ReadHost, Compile: compileHost,
		filed: func(x *Index, config *desired.NodeConfig, _ readSet) { x.host = config.Host() }}
}

func compileHost(c Compiler, b *Builder, uid string) {
	if h := c.declaredHost(); h != nil && h.UID == uid {
		c.host(b, h)
	}
}

// host compiles what all networks of the host share. Its backend does most of it.
func (c Compiler) host(b *Builder, h *desired.Host) {
	backend := c.backend(h)
	if backend == nil {
		b.Refuse("driver %s is not known to this version", Quote(string(h.Driver)))
		return
	}
	b.Add(&object.HostFilter{OwnerUID: h.UID})
	usableManagement(h, b.Refuse)
	backend.Host(b, Site{c, h, backend})
}

// AddUplinkLink adds the state of an uplink's netdev: up, and with at least the MTU of its physical network. A larger MTU stays. If
// silent, the host has no IPv6 on it, because it is only for the guests.
func (s Site) AddUplinkLink(b *Builder, up desired.Uplink, silent bool, after ...object.Key) {
	link, _ := s.read.Link(up.Interface)
	b.Add(&object.Link{
		OwnerUID: s.Host.UID, Name: up.Interface, Up: true,
		MTU:    max(up.MTU, link.MTU),
		NoIPv6: silent,
		After:  after,
	})
}
