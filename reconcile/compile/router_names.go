package compile

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/netip"

	"weft/hostnet/object"
)

// Devices inside our namespaces that have the same name in each.
const (
	transitDevice  = "transit"  // in a router's namespace: towards the external one
	externalDevice = "external" // in a gateway namespace: towards the external network
)

// DigestName is a device name: the prefix and 12 hexadecimal digits of the SHA-256 of what it is for.
func DigestName(prefix, of string) string {
	sum := sha256.Sum256([]byte(of))
	return prefix + hex.EncodeToString(sum[:6])
}

// RouterNamespace is the name of the network namespace of a router.
func RouterNamespace(routerUID string) string { return object.NamespacePrefix + "router-" + routerUID }

// GatewayNamespace is the name of the network namespace through which routers reach an external network. A host's distributed
// routers share the one that is named after the network. For a centralized router's own one, pass the router's uid.
// The name on the host is that of former versions: a new name would make the namespace anew.
func GatewayNamespace(networkUID string) string {
	return object.NamespacePrefix + "external-" + networkUID
}

// RouterInterfaceDevice is the host's end of a router's veth on a network. RouterInterfaceName is the end in the router's namespace.
func RouterInterfaceDevice(routerUID, networkUID string) string {
	return DigestName("wl", routerUID+"/"+networkUID)
}

// RouterInterfaceName is the name of the interface on the network inside its router's namespace.
func RouterInterfaceName(networkUID string) string { return DigestName("n", networkUID) }

// ExternalGatewayDevice is the host's end of a gateway namespace's veth on its network.
func ExternalGatewayDevice(networkUID string) string { return DigestName("we", networkUID) }

// CentralGatewayDevice is the host's end of a centralized router's veth on its external network.
func CentralGatewayDevice(routerUID, networkUID string) string {
	return DigestName("we", routerUID+"/"+networkUID)
}

// transitPeer is the end of a router's transit veth in the gateway namespace.
func transitPeer(routerUID string) string { return DigestName("t", routerUID) }

// transitSlots is the number of pairs of transit addresses for the routers of one host, in 169.254.128.0/17.
const transitSlots = 1 << 14

// transitCandidate is a router's n-th choice of a pair. It is computed from its uid, so that it is the same after a restart without
// being stored.
func transitCandidate(routerUID string, n uint32) uint32 {
	sum := sha256.Sum256(binary.BigEndian.AppendUint32([]byte("transit\x00"+routerUID+"\x00"), n))
	return binary.BigEndian.Uint32(sum[:4]) % transitSlots
}

// transitPair returns the addresses of one slot, IPv4 (/31) and IPv6 (/127), of the gateway namespace's end and of the router's
// end. They never leave the host. The range is link-local for IPv4 (RFC 3927) and a unique local prefix for IPv6 (RFC 4193).
func transitPair(slot uint32) (external, router []netip.Prefix) {
	four := func(last uint32) netip.Prefix {
		v := binary.BigEndian.AppendUint32(nil, 169<<24|254<<16|128<<8|slot<<1|last)
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(v)), 31)
	}
	six := func(last uint32) netip.Prefix {
		a := [16]byte{0xfd, 0x00, 0x57, 0x45, 0x46, 0x54}
		binary.BigEndian.PutUint32(a[12:], slot<<1|last)
		return netip.PrefixFrom(netip.AddrFrom16(a), 127)
	}
	return []netip.Prefix{four(0), six(0)}, []netip.Prefix{four(1), six(1)}
}
