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
)

// macTries bounds the search for a free MAC: with 2^24 values behind a prefix even 100,000 ports leave one try in 170.
const macTries = 64

// port claims MAC, addresses, interface id and the device's name on each host.
func (a *allocation) port(s *model.PortSpec) {
	network := a.reader.accepted(s.NetworkID(a.id.Project))
	if network == nil {
		return // reported with the references
	}
	a.portMAC(s)
	a.portAddresses(s, network)
	ifaceID := interfaceID(s, a.id.Name, a.uid)
	a.demand("spec.interfaceID", etcdschema.InterfaceClaim(ifaceID), fmt.Sprintf("interface id %s", ifaceID))
	device := a.device(s, ifaceID)
	if s.Host != "" {
		a.demand("spec.device", etcdschema.DeviceClaim(s.Host, device), fmt.Sprintf("device %s on host %s", device, s.Host))
	}
	if s.MigrateTo != "" && s.MigrateTo != s.Host {
		a.demand("spec.device", etcdschema.DeviceClaim(s.MigrateTo, device), fmt.Sprintf("device %s on host %s", device, s.MigrateTo))
	}
}

// device claims on all hosts at once the name of the port's netdev that is the default: whoever else had it on a host that
// the guest moves to later would be wired to that guest. A port whose conventional name somebody else has gets one that is
// made of the whole interface id, and keeps it. A device named in the spec must be nobody else's default.
func (a *allocation) device(s *model.PortSpec, ifaceID string) string {
	conventional := etcdschema.DeviceClaim(etcdschema.AnyHost, defaultDeviceName(ifaceID))
	_, taken := a.obstacle(conventional)
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
	a.demand("spec.interfaceID", etcdschema.DeviceClaim(etcdschema.AnyHost, name), fmt.Sprintf("device %s, the default of interface id %s,", name, ifaceID))
	return name
}

// refuseOtherDefault refuses a device named in the spec that is some other port's default.
func (a *allocation) refuseOtherDefault(device string) {
	k := etcdschema.DeviceClaim(etcdschema.AnyHost, device)
	a.reader.owns(a.uid, k)
	if cl, blocked := a.obstacle(k); blocked {
		a.reader.inTheWay(k)
		a.verdict.invalid("spec.device", fmt.Sprintf("device %s is on every host the default device of %s: choose another name", device, a.ownerName(cl)))
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

// defaultDeviceName is the conventional name, and hashedDeviceName that of a port whose conventional name is taken: 55 bits of
// the interface id's SHA-256, so that ids which begin alike have nothing in common.
func defaultDeviceName(interfaceID string) string {
	return devicePrefix + interfaceID[:min(11, len(interfaceID))]
}

func hashedDeviceName(interfaceID string) string {
	sum := sha256.Sum256([]byte(interfaceID))
	return devicePrefix + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:11])
}

const devicePrefix = "tap"

func (a *allocation) portMAC(s *model.PortSpec) {
	if !s.MAC.IsZero() {
		a.result.MAC = s.MAC
		a.demand("spec.mac", etcdschema.MACClaim(s.MAC), "MAC "+s.MAC.String())
		return
	}
	if !a.chooseMAC() {
		a.verdict.pending("spec.mac", fmt.Sprintf("no free MAC was found with prefix %x after %d tries", a.settings.MACPrefix, macTries))
	}
}

// chooseMAC keeps the MAC the object has, or takes a free one.
func (a *allocation) chooseMAC() bool {
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

// portAddresses gives the port what its spec lists, and for a family of which it lists none one address, IPv6 first.
func (a *allocation) portAddresses(s *model.PortSpec, network *etcdschema.Accepted) {
	spec := network.Object.Spec.(*model.NetworkSpec)
	for _, v6 := range []bool{true, false} {
		explicit := false
		for i, addr := range s.Addresses {
			if addr.Is6() != v6 {
				continue
			}
			explicit = true
			a.result.Addresses = append(a.result.Addresses, addr)
			a.demand(fmt.Sprintf("spec.addresses[%d]", i), etcdschema.AddressClaim(network.UID, addr), "address "+addr.String())
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

// oneAddress keeps the address the object has in one of the subnets, and in the pool if one is named, or takes the lowest free
// one. The field is where it could be asked for.
func (a *allocation) oneAddress(field, network string, subnets []model.Subnet, pool string) {
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
		a.verdict.pending("spec.pool", fmt.Sprintf("no free address is left in the pool %s of %s: add an allocation pool of that name to the network", pool, cidrs(subnets)))
		return
	}
	a.verdict.pending(field, fmt.Sprintf("no free address is left in %s: add a subnet or an allocation pool to the network", cidrs(subnets)))
}

func (a *allocation) take(addr model.Address, k etcdschema.Key) {
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

// freeAddress is the lowest unclaimed address of the subnet's pools of the name. After a lost race it looks from a random address
// on first, so that replicas that allocate at the same time do not meet again.
func (a *allocation) freeAddress(network string, s model.Subnet, name string) (model.Address, bool) {
	used := a.cache.addressesOf(network)
	for _, pool := range pools(s, name) {
		if a.spread {
			if from := within(pool, a.settings.Random()); from.IsValid() {
				if addr, ok := used.free(from, pool.last); ok {
					return model.Address{Addr: addr}, true
				}
			}
		}
		if addr, ok := used.free(pool.first, pool.last); ok {
			return model.Address{Addr: addr}, true
		}
	}
	return model.Address{}, false
}

// pools are the ranges of the name that addresses are given from. Where none at all are declared, those without a name are
// the block's host addresses.
func pools(s model.Subnet, name string) []addressRun {
	var out []addressRun
	for _, p := range s.Pools(name) {
		out = append(out, addressRun{p.Start.Addr, p.End.Addr})
	}
	if len(s.AllocationPools) == 0 && name == "" {
		out = append(out, hosts(s.CIDR.Prefix))
	}
	return out
}

// hosts is the block without its network address (IPv6: the subnet-router anycast address) and IPv4 broadcast address.
func hosts(p netip.Prefix) addressRun {
	r := addressRun{p.Addr().Next(), lastAddr(p)}
	if p.Addr().Is4() {
		r.last = r.last.Prev()
	}
	return r
}

// spreadSpan bounds how far from the start of a pool a random address is looked for.
const spreadSpan = 1 << 12

// within is an address of the run, at most spreadSpan from its start; the zero Addr when it falls outside.
func within(r addressRun, random uint64) netip.Addr {
	b := r.first.As16()
	v := uint32(b[12])<<24 | uint32(b[13])<<16 | uint32(b[14])<<8 | uint32(b[15])
	v += uint32(random % spreadSpan)
	b[12], b[13], b[14], b[15] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
	a := netip.AddrFrom16(b)
	if r.first.Is4() {
		a = a.Unmap()
	}
	if a.Less(r.first) || r.last.Less(a) {
		return netip.Addr{}
	}
	return a
}
