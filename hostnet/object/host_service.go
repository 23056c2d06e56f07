package object

import "net/netip"

// HostNetIPv4 is the host's IPv4 address on the NIC that a guest has on its host network, and HostNetGuest the guest's, with the length of
// the prefix. They are the same for every guest, because only the host is there. Being link-local (RFC 3927) they are on no other
// network of a guest, and no router forwards them. The host's IPv6 address there is MetadataIPv6.
var (
	HostNetIPv4  = netip.MustParseAddr("169.254.171.1")
	HostNetGuest = netip.MustParsePrefix("169.254.171.2/30")
)

// HostService is a TCP service of the host that a guest may use. It is comparable.
type HostService struct {
	Name string // metrics count by it
	Port uint16 // at which the guest reaches it
	// Network and Address say where it is on the host: "tcp" and a port of a loopback address, or "unix" and an absolute path.
	Network string
	Address string
}
