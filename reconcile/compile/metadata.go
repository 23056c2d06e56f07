package compile

import (
	"net/netip"
	"slices"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// metadataKind has no objects of its own: its port reads it.
func metadataKind() Kind {
	return Kind{ItemKind: desired.MetadataKind(), Item: ReadMetadata,
		Compile: compiling((*Reader).Metadata, func(Compiler, *Builder, *desired.Metadata) {})}
}

// Bounds of what a guest is configured with on a host: those of the controllers, and twice as much for user data.
const (
	maxUserData = 128 << 10 // bytes
	maxSSHKeys  = 64
	maxWords    = 512
	maxText     = 16 << 10 // bytes of a key or a word
)

// metadataFault says what is wrong with what a guest is configured with; empty when nothing.
func metadataFault(m *desired.Metadata) string {
	switch {
	case m == nil:
		return ""
	case len(m.UserData) > maxUserData:
		return "the user data has more than 128 KiB"
	case len(m.SSHKeys) > maxSSHKeys || slices.ContainsFunc(m.SSHKeys, func(k string) bool { return len(k) > maxText }):
		return "there are more than 64 SSH keys, or one has more than 16 KiB"
	case len(m.Words) > maxWords:
		return "there are more than 512 words of metadata"
	}
	for _, w := range m.Words {
		if len(w.Key)+len(w.Value) > maxText {
			return "a word of metadata has more than 16 KiB"
		}
	}
	return ""
}

// addMetadata adds the metadata service of a port. All ports have it, because every guest has a name and addresses.
func addMetadata(b *Builder, n *desired.Network, p *desired.Port, m *desired.Metadata, device string, services []object.HostService) {
	if why := metadataFault(m); why != "" {
		b.Pend("serves no metadata: %s", why)
		return
	}
	o := &object.MetadataBinding{
		OwnerUID: p.UID, Device: device, MAC: object.MAC(p.MAC), MTU: guestMTU(n), Project: p.Project, Name: p.Name, Hostname: p.Hostname,
		Domain: n.DHCP.Domain, Network: n.UID, DNS: plain(n.DHCP.DNSServers),
	}
	switch p.HostNet.Mode {
	case model.HostNetPiggyback:
		o.Services = services
	case model.HostNetNIC:
		o.HostNIC = object.MAC(p.HostNet.MAC)
	}
	for _, pair := range p.AddressPairs {
		if pair.MAC == p.MAC {
			o.Sources = append(o.Sources, pair.Address.Prefix)
		}
	}
	addAddresses(o, n, p)
	for _, r := range n.DHCP.Routes {
		o.Routes = append(o.Routes, object.MetadataRoute{Destination: r.Destination.Prefix, NextHop: r.NextHop.Addr})
	}
	if m != nil {
		o.UserData = m.UserData
		for _, key := range m.SSHKeys {
			o.SSHKeys = append(o.SSHKeys, object.Secret(key))
		}
		for _, w := range m.Words {
			o.Words = append(o.Words, object.MetadataWord{Key: w.Key, Value: object.Secret(w.Value)})
		}
	}
	b.Add(o)
}

// addAddresses adds the port's addresses and default routers. If a gateway is outside of its subnet, the guest is told to ask by DHCP, as far
// as DHCP has all of its addresses: OpenStack's format can only say that such a gateway is on the link in a way that few guests understand.
func addAddresses(o *object.MetadataBinding, n *desired.Network, p *desired.Port) {
	known := map[bool]bool{} // families whose gateway is known
	leased := true
	for _, a := range p.Addresses {
		s, ok := subnetOf(n, a.Addr)
		if !ok {
			continue
		}
		o.Addresses = append(o.Addresses, netip.PrefixFrom(a.Addr, s.CIDR.Bits()))
		leased = leased && (a.Is6() || s.DHCPServer.IsValid()) && !(known[a.Is4()])
		if s.Gateway.IsValid() && !known[a.Is4()] {
			o.Gateways = append(o.Gateways, s.Gateway.Addr)
			outside := !s.CIDR.Contains(s.Gateway.Addr) && !(a.Is6() && s.Gateway.IsLinkLocalUnicast())
			o.DHCP = o.DHCP || outside
		}
		known[a.Is4()] = true
	}
	o.DHCP = o.DHCP && leased
}

// guestMTU is the MTU in bytes that guests are told.
func guestMTU(n *desired.Network) int {
	if n.DHCP.MTU != 0 {
		return n.DHCP.MTU
	}
	return n.MTU
}
