package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"weft/cmd/weft/view"
	"weft/etcdschema"
	"weft/hostnet/guestconfig"
	"weft/hostnet/object"
	"weft/model"
)

// maxGuestNICs bounds the ports of one guest. Hypervisors give a guest fewer.
const maxGuestNICs = 32

// guestSource are the records that one port's NIC is made of.
type guestSource struct {
	port     etcdschema.Accepted
	spec     *model.PortSpec
	network  etcdschema.Accepted
	netSpec  *model.NetworkSpec
	physical int  // the physical network's MTU
	routed   bool // one of Weft's routers is on the network
}

// readGuest makes a guest of ports, the first NIC first. Its name, user data, keys and metadata are those of the first port. Notes are
// what the operator should know although nothing is wrong. It reads a handful of keys for each port, and needs no host.
func readGuest(ctx context.Context, st store, ids []model.ID, dhcp bool) (g guestconfig.Guest, notes []string, err error) {
	if len(ids) > maxGuestNICs {
		return g, nil, fmt.Errorf("%d ports are named: a guest has at most %d", len(ids), maxGuestNICs)
	}
	var hostNICs []guestconfig.NIC
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			return g, nil, fmt.Errorf("%s is named twice: name each NIC's port once", id)
		}
		src, note, err := readGuestSource(ctx, st, id)
		if err != nil {
			return g, nil, err
		}
		if note != "" {
			notes = append(notes, note)
		}
		if i == 0 {
			g = guestOf(src)
		} else if n := unusedOf(src, g); n != "" {
			notes = append(notes, fmt.Sprintf("%s: its %s are not used: a guest has those of its first port", id, n))
		}
		nic := nicOf(src)
		nic.DHCP = dhcp
		g.NICs = append(g.NICs, nic)
		if src.spec.HostNet == model.HostNetNIC {
			mac := model.HostNetMAC(src.port.Allocated.MAC)
			hostNICs = append(hostNICs, guestconfig.HostNIC(nic, mac[:], object.HostNetGuest))
		}
	}
	g.NICs = append(g.NICs, hostNICs...) // the first NIC is a port's
	return g, notes, nil
}

// guestOf is the guest without NICs, as its first port says.
func guestOf(src guestSource) guestconfig.Guest {
	m := src.port.Object.Metadata
	g := guestconfig.Guest{InstanceID: src.port.UID, Project: m.Project, Name: m.Name, Hostname: src.spec.Hostname,
		Domain: src.netSpec.DHCP.Domain, UserData: src.spec.UserDataBytes(), SSHKeys: src.spec.SSHKeys}
	if g.Hostname == "" {
		g.Hostname = m.Name
	}
	g.Metadata = metadataOf(src.spec)
	return g
}

func metadataOf(s *model.PortSpec) (list []guestconfig.Item) {
	for _, i := range s.Metadata {
		list = append(list, guestconfig.Item{Key: i.Key, Value: i.Value})
	}
	return list
}

// unusedOf names what another port than the first has for the guest and the first has not; empty if there is nothing.
func unusedOf(src guestSource, g guestconfig.Guest) string {
	var names []string
	if data := src.spec.UserDataBytes(); data != nil && !slices.Equal(data, g.UserData) {
		names = append(names, "user data")
	}
	if len(src.spec.SSHKeys) > 0 && !slices.Equal(src.spec.SSHKeys, g.SSHKeys) {
		names = append(names, "sshKeys")
	}
	if meta := metadataOf(src.spec); len(meta) > 0 && !slices.Equal(meta, g.Metadata) {
		names = append(names, "metadata")
	}
	return strings.Join(names, " and ")
}

// nicOf is a port's NIC: what DHCP and router advertisements would tell the guest.
func nicOf(src guestSource) guestconfig.NIC {
	n := guestconfig.NIC{ID: src.port.UID, NetworkID: src.network.UID, MAC: src.port.Allocated.MAC[:], MTU: src.netSpec.GuestMTU(src.physical)}
	known := map[bool]bool{} // families whose gateway is known
	for _, a := range src.port.Allocated.Addresses {
		sub := src.netSpec.Subnets[src.netSpec.SubnetOf(a)]
		n.Addresses = append(n.Addresses, netip.PrefixFrom(a.Addr, sub.CIDR.Bits()))
		gateway := sub.Gateway
		if src.routed {
			gateway = sub.ReservedGateway()
		}
		if gateway.IsValid() && !known[a.Is4()] {
			n.Gateways = append(n.Gateways, gateway.Addr)
		}
		known[a.Is4()] = true
	}
	for _, r := range src.netSpec.DHCP.Routes {
		n.Routes = append(n.Routes, guestconfig.Route{Destination: r.Destination.Prefix, Gateway: r.NextHop.Addr})
	}
	for _, a := range src.netSpec.DHCP.DNSServers {
		n.DNS = append(n.DNS, a.Addr)
	}
	if d := src.netSpec.DHCP.Domain; d != "" {
		n.Search = []string{d}
	}
	return n
}

// readGuestSource reads what the controllers have accepted of a port, and what it is on.
func readGuestSource(ctx context.Context, st store, id model.ID) (src guestSource, note string, err error) {
	e, exists, err := loadOne(ctx, st, id)
	switch {
	case err != nil:
		return src, "", err
	case !exists:
		return src, "", notFound([]model.ID{id})
	}
	see := fmt.Sprintf("`weft describe port %s -p %s` says why", id.Name, id.Project)
	r := &recordReader{ctx: ctx, st: st}
	port := recordAt[etcdschema.Accepted](r, etcdschema.AcceptedKey(id))
	if port == nil {
		return src, "", errors.Join(r.err, fmt.Errorf("%s has no address yet: no controller has accepted it (%s); %s", id, stateText(e), see))
	}
	if e.Phase() != string(etcdschema.PhaseAccepted) {
		note = fmt.Sprintf("%s is not as its newest intent says (%s): the state that was accepted last is used; %s", id, stateText(e), see)
	}
	src.port, src.spec = *port, port.Object.Spec.(*model.PortSpec)
	network := recordAt[etcdschema.Accepted](r, etcdschema.AcceptedKey(src.spec.NetworkID(id.Project)))
	if r.err != nil || network == nil {
		return src, "", errors.Join(r.err, fmt.Errorf("%s is on the network %s, which no controller has accepted: %s", id, src.spec.Network, see))
	}
	src.network, src.netSpec = *network, network.Object.Spec.(*model.NetworkSpec)
	physical := model.PhysicalNetworkSpec{} // with the default MTU
	if p := recordAt[etcdschema.Accepted](r, etcdschema.AcceptedKey(model.ID{Project: model.ClusterProject, Kind: model.KindPhysicalNetwork,
		Name: src.netSpec.PhysicalNetwork})); p != nil {
		physical = *p.Object.Spec.(*model.PhysicalNetworkSpec)
	}
	src.physical = physical.EffectiveMTU()
	if c := recordAt[etcdschema.Claim](r, etcdschema.RouterNetworkClaim(network.UID)); c != nil {
		src.routed = c.State == etcdschema.ClaimBound
	}
	if r.err != nil {
		return src, "", r.err
	}
	if lacks := src.lacks(); lacks != "" {
		return src, "", fmt.Errorf("%s has no %s yet (%s): %s", id, lacks, stateText(e), see)
	}
	if errs := append(model.Validate(src.port.Object), model.Validate(src.network.Object)...); len(errs) > 0 {
		return src, "", fmt.Errorf("what etcd holds as accepted is not valid: %w", errors.Join(errs.Err()))
	}
	return src, note, nil
}

// stateText is the status of an object with its first reason.
func stateText(e view.Entry) string {
	if reason := e.Reason(); reason != "" {
		return e.Phase() + ": " + reason
	}
	return e.Phase()
}

// lacks says which value the port has not been given yet; empty when it has all.
func (src guestSource) lacks() string {
	if src.port.Allocated.MAC.IsZero() {
		return "MAC"
	}
	has := map[bool]bool{}
	for _, a := range src.port.Allocated.Addresses {
		if src.netSpec.SubnetOf(a) < 0 {
			return "address of a subnet that its network has"
		}
		has[a.Is4()] = true
	}
	for _, sub := range src.netSpec.Subnets {
		switch v4 := sub.CIDR.Addr().Is4(); {
		case has[v4]:
		case v4:
			return "IPv4 address"
		default:
			return "IPv6 address"
		}
	}
	return ""
}
