package compile

import (
	"net/netip"
	"slices"
	"time"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// Bounds of the services of a host, the same as those of the controllers.
const (
	maxServices = model.MaxHostServices
	// hostNetMTU is the MTU in bytes of the NIC on the host network: what guests have if nobody tells them.
	hostNetMTU = model.DefaultMTU
	// hostNetLease is the time of the lease there. The address never changes.
	hostNetLease = 24 * time.Hour
)

// hostServices are the services that the guest of a port may use. wrong says why it gets none.
func hostServices(h *desired.Host, p *desired.Port) (services []object.HostService, wrong string) {
	if p.HostNet.Mode == "" || h == nil {
		return nil, ""
	}
	if len(h.Services) > maxServices {
		return nil, "the host has more than 32 services"
	}
	ports := map[uint16]bool{object.MetadataPort: true}
	for _, s := range h.Services {
		network, address, ok := model.SplitServiceTarget(s.Target)
		switch {
		case s.Name == "" || len(s.Name) > 63:
			return nil, "a service of the host has no name, or one of more than 63 bytes"
		case s.Port == 0 || ports[s.Port]:
			return nil, "service " + Quote(s.Name) + " of the host has no port of its own"
		case !ok:
			return nil, "service " + Quote(s.Name) + " of the host is not on the host itself: its target is " + Quote(s.Target)
		}
		ports[s.Port] = true
		if len(s.Projects) == 0 || slices.Contains(s.Projects, p.Project) {
			services = append(services, object.HostService{Name: s.Name, Port: s.Port, Network: network, Address: address})
		}
	}
	return services, ""
}

// hostNetFault says what is wrong with a port's way to the services of the host; empty when nothing is.
func hostNetFault(p *desired.Port) string {
	n := p.HostNet
	switch n.Mode {
	case "":
		if n != (desired.HostNet{}) {
			return "the NIC on the host network has no mode"
		}
	case model.HostNetPiggyback:
		if n.Device != "" || !n.MAC.IsZero() {
			return "a NIC on the host network is for mode nic"
		}
	case model.HostNetNIC:
		switch {
		case DeviceNameFault(n.Device) != "":
			return "device " + Quote(n.Device) + " of the host network " + DeviceNameFault(n.Device)
		case n.Device == p.Device:
			return "device " + n.Device + " cannot be the guest's NIC on its network and on the host network"
		case n.MAC.IsZero() || n.MAC[0]&1 != 0 || object.MAC(n.MAC) == object.ServerMAC || object.MAC(n.MAC) == object.GatewayMAC:
			return "MAC " + n.MAC.String() + " of the host network is none that a guest can have"
		}
	default:
		return "host network mode " + Quote(string(n.Mode)) + " is not known to this version"
	}
	return ""
}

// addHostNIC adds the guest's NIC on the host network: a device that leads nowhere but to weftd, which gives the guest an address there and
// passes connections to the host's services. It works on the device itself, so it is the same with every backend. The guest of a
// standby port is not served.
func addHostNIC(b *Builder, s Site, p *desired.Port, services []object.HostService, serve bool) {
	name := p.HostNet.Device
	if p.HostNet.Mode != model.HostNetNIC {
		return
	}
	silence := b.Silence(p.UID, name) // it need not exist yet
	link, exists := s.Reader().Link(name)
	if !exists {
		b.Pend("waits for device %s, the guest's NIC on the host network%s", name, s.OtherName(name))
		return
	}
	if why := s.LinkRefusal(name, link); why != "" {
		b.Pend("the guest has no NIC on the host network: %s", why)
		return
	}
	b.Add(&object.Link{OwnerUID: p.UID, Name: name, MTU: hostNetMTU, NoIPv6: true, Up: true, After: []object.Key{silence}})
	if !serve {
		return
	}
	b.Add(&object.DHCPBinding{
		OwnerUID: p.UID, Device: name, MAC: object.MAC(p.HostNet.MAC), Hostname: p.Hostname, MTU: hostNetMTU, Lease: hostNetLease,
		V4: []object.DHCPv4Lease{{Address: object.HostNetGuest.Addr(), Prefix: object.HostNetGuest.Masked(), Server: object.HostNetIPv4}},
	})
	b.Add(&object.MetadataBinding{
		OwnerUID: p.UID, Device: name, MAC: object.MAC(p.HostNet.MAC), MTU: hostNetMTU, HostNet: true, Services: services,
		Addresses: []netip.Prefix{object.HostNetGuest}, Project: p.Project, Name: p.Name,
	})
}
