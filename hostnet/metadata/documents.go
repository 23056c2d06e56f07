package metadata

import (
	"net"

	"weft/hostnet/guestconfig"
	"weft/hostnet/object"
)

// guestOf is the guest as package guestconfig knows it. `weft inject` makes the same for a guest with one NIC.
func guestOf(b *object.MetadataBinding) guestconfig.Guest {
	nic := guestconfig.NIC{ID: b.OwnerUID, NetworkID: b.Network, MAC: net.HardwareAddr(b.MAC[:]), MTU: b.MTU, DHCP: b.DHCP,
		Addresses: b.Addresses, Gateways: b.Gateways, DNS: b.DNS}
	for _, r := range b.Routes {
		nic.Routes = append(nic.Routes, guestconfig.Route{Destination: r.Destination, Gateway: r.NextHop})
	}
	if b.Domain != "" {
		nic.Search = []string{b.Domain}
	}
	g := guestconfig.Guest{InstanceID: b.OwnerUID, Project: b.Project, Name: b.Name, Hostname: b.Hostname, Domain: b.Domain,
		UserData: b.UserData, NICs: []guestconfig.NIC{nic}}
	if b.HostNIC != (object.MAC{}) {
		g.NICs = append(g.NICs, guestconfig.HostNIC(nic, net.HardwareAddr(b.HostNIC[:]), object.HostNetGuest))
	}
	for _, key := range b.SSHKeys {
		g.SSHKeys = append(g.SSHKeys, string(key))
	}
	for _, w := range b.Words {
		g.Metadata = append(g.Metadata, guestconfig.Item{Key: w.Key, Value: string(w.Value)})
	}
	return g
}

// documents are what was made of a binding.
type documents struct {
	of    *object.MetadataBinding
	files guestconfig.ServiceFiles
}

func documentsOf(b *object.MetadataBinding) *documents {
	return &documents{b, guestconfig.Service(guestOf(b))}
}
