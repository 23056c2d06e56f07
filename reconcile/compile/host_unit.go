package compile

import (
	"weft/hostnet/object"
	"weft/model/desired"
)

// host compiles what all networks of the host share. Its fabric does most of it.
func (c compiler) host(b *Builder, h *desired.Host) {
	f := c.fabric(h)
	if f == nil {
		b.Refuse("driver %s is not known to this version", quote(string(h.Driver)))
		return
	}
	b.Add(&object.HostFilter{OwnerUID: h.UID})
	f.Host(b, Site{compiler: c, Host: h})
}

// Silence keeps the host's own network stack away from a device. It returns the key that must be in place before the device is
// brought up.
func (u *Builder) Silence(owner, device string) object.Key {
	s := &object.SilentDevice{OwnerUID: owner, Device: device}
	u.Add(s)
	return s.Key()
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
