package object

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
)

// MetadataIPv4 and MetadataIPv6 are the addresses of the metadata service on every guest port, and MetadataPort is its TCP port. They are
// those of EC2 and OpenStack (cloud-init and others know no other ones). They are reserved: no guest may use them as its own. ServerMAC
// answers for them.
var (
	MetadataIPv4 = netip.MustParseAddr("169.254.169.254")
	MetadataIPv6 = netip.MustParseAddr("fe80::a9fe:a9fe")
)

// MetadataPort is the TCP port of the metadata service.
const MetadataPort uint16 = 80

// Secret is what may hold passwords or keys. Its text is its size, so that it appears in no log and in no difference.
type Secret []byte

// String is the size.
func (s Secret) String() string { return fmt.Sprintf("%d bytes", len(s)) }

// GoString is the size too, for %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalJSON is the size too. Objects are never read from JSON.
func (s Secret) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", s.String()), nil }

// MetadataBinding is everything that the metadata service answers to the guest of one port, and by which it knows the guest: the device.
// The host's services are reached there too.
type MetadataBinding struct {
	OwnerUID string // of the port; it is the guest's instance id too
	Device   string // the netdev on the host side of the guest's interface
	MAC      MAC    // only frames from it are read, and all answers go to it
	MTU      int    // of the guest's interface, in bytes
	// HostNet says that the device is the guest's NIC on its host network. The guest finds the host's services there, at HostNetIPv4, and
	// no metadata.
	HostNet bool
	// Services are those of the host that the guest may use on this device, in order of their ports.
	Services []HostService
	// HostNIC is the MAC of the guest's other NIC, which is on its host network; zero if it has none.
	HostNIC MAC
	// Sources are blocks that the guest may use as source besides Addresses and link-local IPv6 addresses: allowed address pairs with
	// the port's own MAC.
	Sources  []netip.Prefix
	Project  string
	Name     string // of the port
	Hostname string
	Domain   string
	Network  string // uid of the network
	// DHCP says that the guest is told to ask for what Addresses, Gateways, Routes and DNS would say.
	DHCP      bool
	Addresses []netip.Prefix // the port's own, each with the length of its subnet's prefix
	Gateways  []netip.Addr   // default routers, at most one for each family
	Routes    []MetadataRoute
	DNS       []netip.Addr
	UserData  Secret
	SSHKeys   []Secret // lines of authorized_keys
	Words     []MetadataWord
}

// MetadataRoute is a route of the guest other than the default routes. It is on the link if NextHop is not valid.
type MetadataRoute struct {
	Destination netip.Prefix
	NextHop     netip.Addr
}

// MetadataWord is one word for the guest (OpenStack's "meta").
type MetadataWord struct {
	Key   string
	Value Secret
}

// IPv4 is the address at which the guest finds the host on this device.
func (b *MetadataBinding) IPv4() netip.Addr {
	if b.HostNet {
		return HostNetIPv4
	}
	return MetadataIPv4
}

// Netdev implements OnDevice.
func (b *MetadataBinding) Netdev() string { return b.Device }

// Key implements Object.
func (b *MetadataBinding) Key() Key { return Key{KindMetadataBinding, b.Device} }

// Owner implements Object.
func (b *MetadataBinding) Owner() string { return b.OwnerUID }

// DependsOn implements Object.
func (b *MetadataBinding) DependsOn() []Key { return []Key{{KindLink, b.Device}} }

// Diff implements Object. It tells sizes of secrets only.
func (b *MetadataBinding) Diff(observed Object) []Difference {
	o := observed.(*MetadataBinding)
	var d differ
	d.field("owner", o.OwnerUID, b.OwnerUID)
	d.field("mac", o.MAC, b.MAC)
	d.field("mtu", o.MTU, b.MTU)
	d.field("host net", o.HostNet, b.HostNet)
	d.field("services", o.Services, b.Services)
	d.field("host nic", o.HostNIC, b.HostNIC)
	d.field("sources", o.Sources, b.Sources)
	d.field("project", o.Project, b.Project)
	d.field("name", o.Name, b.Name)
	d.field("hostname", o.Hostname, b.Hostname)
	d.field("domain", o.Domain, b.Domain)
	d.field("network", o.Network, b.Network)
	d.field("dhcp", o.DHCP, b.DHCP)
	d.field("addresses", o.Addresses, b.Addresses)
	d.field("gateways", o.Gateways, b.Gateways)
	d.field("routes", o.Routes, b.Routes)
	d.field("dns", o.DNS, b.DNS)
	d.secret("user data", bytes.Equal(o.UserData, b.UserData), o.UserData, b.UserData)
	d.secret("ssh keys", slices.EqualFunc(o.SSHKeys, b.SSHKeys, Secret.equal), o.SSHKeys, b.SSHKeys)
	d.secret("words", slices.EqualFunc(o.Words, b.Words, MetadataWord.equal), o.Words, b.Words)
	return d
}

func (s Secret) equal(o Secret) bool { return bytes.Equal(s, o) }

func (w MetadataWord) equal(o MetadataWord) bool {
	return w.Key == o.Key && bytes.Equal(w.Value, o.Value)
}

// secret is a field whose values have texts that may be the same although the values differ.
func (d *differ) secret(name string, equal bool, observed, desired any) {
	if equal {
		return
	}
	o, w := fmt.Sprint(observed), fmt.Sprint(desired)
	if o == w {
		w = "others of " + w
	}
	*d = append(*d, Difference{name, o, w})
}
