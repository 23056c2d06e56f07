package control

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/uuid"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/claimed"
)

// macTries bounds the search for a free MAC. There are 2^24 values behind a prefix. Even with 100,000 ports only one try in 170
// meets a MAC that is taken.
const macTries = 64

// port claims the MAC, the addresses, the interface id, and the name of the device on each host.
func (a *Allocation) port(s *model.PortSpec) {
	network := a.reader.accepted(s.NetworkID(a.id.Project))
	if network == nil {
		return // reported with the references
	}
	a.portMAC(s)
	a.portAddresses(s, network)
	ifaceID := interfaceID(s, a.id.Name, a.uid)
	a.request("spec.interfaceID", etcdschema.InterfaceClaim(ifaceID), fmt.Sprintf("interface id %s", ifaceID))
	device := a.device(s, ifaceID)
	if s.Host != "" {
		a.request("spec.device", etcdschema.DeviceClaim(s.Host, device), fmt.Sprintf("device %s on host %s", device, s.Host))
	}
	if s.MigrateTo != "" && s.MigrateTo != s.Host {
		a.request("spec.device", etcdschema.DeviceClaim(s.MigrateTo, device), fmt.Sprintf("device %s on host %s", device, s.MigrateTo))
	}
}

// device chooses the name of the port's netdev and claims it. The default name is claimed on all hosts at once. Otherwise another
// port could have it on a host to which the guest moves later, and would be connected to that guest.
//
//   - If another port has the conventional name, the port gets a name that is made of the whole interface id, and keeps it.
//   - A device that the spec names must not be the default device of another port.
func (a *Allocation) device(s *model.PortSpec, ifaceID string) string {
	conventional := etcdschema.DeviceClaim(etcdschema.AnyHost, defaultDeviceName(ifaceID))
	_, taken := a.conflict(conventional)
	if s.Device != "" {
		if !taken {
			a.want(conventional)
		}
		a.refuseOtherDefault(s.Device)
		return s.Device
	}
	name := hashedDeviceName(ifaceID)
	if kept := a.previous != nil && a.previous.Allocated.Device == name; !taken && !kept {
		a.want(conventional)
		return defaultDeviceName(ifaceID)
	}
	a.result.Device = name
	a.request("spec.interfaceID", etcdschema.DeviceClaim(etcdschema.AnyHost, name),
		fmt.Sprintf("device %s, the default of interface id %s,", name, ifaceID))
	return name
}

// refuseOtherDefault refuses a device that the spec names and that is the default device of another port.
func (a *Allocation) refuseOtherDefault(device string) {
	k := etcdschema.DeviceClaim(etcdschema.AnyHost, device)
	a.reader.owns(a.uid, k)
	if cl, blocked := a.conflict(k); blocked {
		a.reader.inTheWay(k)
		a.condition.invalid("spec.device",
			fmt.Sprintf("device %s is on every host the default device of %s: choose another name", device, a.ownerName(cl)))
	}
}

// interfaceID is what the hypervisor writes to external_ids:iface-id (see model.PortSpec).
func interfaceID(s *model.PortSpec, name, uid string) string {
	if s.InterfaceID != "" {
		return s.InterfaceID
	}
	if u, err := uuid.Parse(name); err == nil && u.String() == name {
		return name
	}
	return uid
}

// deviceName is the guest's netdev of an accepted port (see model.PortSpec).
func deviceName(a *etcdschema.Accepted, interfaceID string) string {
	s := a.Object.Spec.(*model.PortSpec)
	switch {
	case s.Device != "":
		return s.Device
	case a.Allocated.Device != "":
		return a.Allocated.Device
	}
	return defaultDeviceName(interfaceID)
}

// defaultDeviceName is the conventional name. hashedDeviceName is the name for a port whose conventional name is taken. It is made
// of 55 bits of the SHA-256 of the interface id, so that ids with the same beginning get different names.
func defaultDeviceName(interfaceID string) string {
	return devicePrefix + interfaceID[:min(11, len(interfaceID))]
}

func hashedDeviceName(interfaceID string) string {
	sum := sha256.Sum256([]byte(interfaceID))
	return devicePrefix + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:11])
}

const devicePrefix = "tap"

func (a *Allocation) portMAC(s *model.PortSpec) {
	if !s.MAC.IsZero() {
		a.result.MAC = s.MAC
		a.request("spec.mac", etcdschema.MACClaim(s.MAC), "MAC "+s.MAC.String())
		return
	}
	if !a.chooseMAC() {
		a.condition.pending("spec.mac", fmt.Sprintf("no free MAC was found with prefix %x after %d tries", a.settings.MACPrefix, macTries))
	}
}

// chooseMAC keeps the MAC the object has, or takes a free one.
func (a *Allocation) chooseMAC() bool {
	if a.previous != nil && !a.previous.Allocated.MAC.IsZero() && a.keeps(etcdschema.MACClaim(a.previous.Allocated.MAC)) {
		a.result.MAC = a.previous.Allocated.MAC
		a.want(etcdschema.MACClaim(a.result.MAC))
		return true
	}
	for range macTries {
		v := a.settings.Random()
		p := a.settings.MACPrefix
		m := model.MAC{p[0], p[1], p[2], byte(v >> 16), byte(v >> 8), byte(v)}
		if k := etcdschema.MACClaim(m); a.unclaimed(k) {
			a.result.MAC = m
			a.want(k)
			return true
		}
	}
	return false
}

// portAddresses gives the port the addresses that its spec lists. For a family without a listed address it chooses one. IPv6 comes
// first.
func (a *Allocation) portAddresses(s *model.PortSpec, network *etcdschema.Accepted) {
	spec := network.Object.Spec.(*model.NetworkSpec)
	for _, v6 := range []bool{true, false} {
		explicit := false
		for i, addr := range s.Addresses {
			if addr.Is6() != v6 {
				continue
			}
			explicit = true
			a.result.Addresses = append(a.result.Addresses, addr)
			a.request(fmt.Sprintf("spec.addresses[%d]", i), etcdschema.AddressClaim(network.UID, addr), "address "+addr.String())
		}
		if !explicit {
			a.oneAddress("spec.addresses", network.UID, subnetsOf(spec, v6), "")
		}
	}
}

func subnetsOf(s *model.NetworkSpec, v6 bool) []model.Subnet {
	var out []model.Subnet
	for _, sub := range s.Subnets {
		if sub.CIDR.Addr().Is6() == v6 {
			out = append(out, sub)
		}
	}
	return out
}

// oneAddress keeps the address that the object has in one of the subnets (and in the pool, if one is named), or takes the lowest
// free one. field is the field in which the address could be declared.
func (a *Allocation) oneAddress(field, network string, subnets []model.Subnet, pool string) {
	if len(subnets) == 0 {
		return
	}
	if a.previous != nil {
		for _, addr := range a.previous.Allocated.Addresses {
			k := etcdschema.AddressClaim(network, addr)
			inside := slices.ContainsFunc(subnets, func(s model.Subnet) bool {
				return s.CIDR.Contains(addr.Addr) && (pool == "" || s.Allots(pool, addr))
			})
			if inside && a.keeps(k) {
				a.take(addr, k)
				return
			}
		}
	}
	for _, s := range subnets {
		if addr, ok := a.freeAddress(network, s, pool); ok {
			a.take(addr, etcdschema.AddressClaim(network, addr))
			return
		}
	}
	a.reader.exhausted(network)
	if pool != "" {
		a.condition.pending("spec.pool",
			fmt.Sprintf("no free address is left in the pool %s of %s: add an allocation pool of that name to the network", pool, cidrs(subnets)))
		return
	}
	a.condition.pending(field, fmt.Sprintf("no free address is left in %s: add a subnet or an allocation pool to the network", cidrs(subnets)))
}

func (a *Allocation) take(addr model.Address, k etcdschema.Key) {
	a.result.Addresses = append(a.result.Addresses, addr)
	a.want(k)
}

func cidrs(subnets []model.Subnet) string {
	s := ""
	for i, sub := range subnets {
		if i > 0 {
			s += ", "
		}
		s += sub.CIDR.String()
	}
	return s
}

// freeAddress is the lowest unclaimed address of the subnet's pools with this name. After a lost race it first searches from a
// random address on, so that replicas that allocate at the same time do not collide again.
func (a *Allocation) freeAddress(network string, s model.Subnet, name string) (model.Address, bool) {
	used := a.cache.addressesOf(network)
	for _, pool := range pools(s, name) {
		if a.spread {
			if from := within(pool, a.settings.Random()); from.IsValid() {
				if addr, ok := used.Free(from, pool.Last); ok {
					return model.Address{Addr: addr}, true
				}
			}
		}
		if addr, ok := used.Free(pool.First, pool.Last); ok {
			return model.Address{Addr: addr}, true
		}
	}
	return model.Address{}, false
}

// pools are the ranges with this name from which addresses are given. When a subnet declares no ranges at all, the range without a
// name is all host addresses of the block.
func pools(s model.Subnet, name string) []claimed.Range {
	var out []claimed.Range
	for _, p := range s.Pools(name) {
		out = append(out, claimed.Range{First: p.Start.Addr, Last: p.End.Addr})
	}
	if len(s.AllocationPools) == 0 && name == "" {
		out = append(out, hosts(s.CIDR.Prefix))
	}
	return out
}

// hosts is the block without its network address (IPv6: the subnet-router anycast address) and IPv4 broadcast address.
func hosts(p netip.Prefix) claimed.Range {
	r := claimed.Range{First: p.Addr().Next(), Last: lastAddress(p)}
	if p.Addr().Is4() {
		r.Last = r.Last.Prev()
	}
	return r
}

// lastAddress is the highest address of the prefix.
func lastAddress(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// spreadSpan bounds the distance of the random address from the start of a pool.
const spreadSpan = 1 << 12

// within is a random address of the range, at most spreadSpan from its start; the zero Addr when that is outside of the range.
func within(r claimed.Range, random uint64) netip.Addr {
	b := r.First.As16()
	v := uint32(b[12])<<24 | uint32(b[13])<<16 | uint32(b[14])<<8 | uint32(b[15])
	v += uint32(random % spreadSpan)
	b[12], b[13], b[14], b[15] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
	a := netip.AddrFrom16(b)
	if r.First.Is4() {
		a = a.Unmap()
	}
	if a.Less(r.First) || r.Last.Less(a) {
		return netip.Addr{}
	}
	return a
}
