package model

import (
	"net/netip"
	"path"
	"slices"
	"strings"
)

// HostNet is how a guest reaches the services of the host that it runs on (HostSpec.Services). Without it a guest reaches none of them.
type HostNet string

// The ways to the host's services.
const (
	// HostNetNIC gives the guest one more NIC on a network that is its own and the host's. It has an address by DHCP there. Nothing
	// but the host is on it.
	HostNetNIC HostNet = "nic"
	// HostNetPiggyback uses the port's own NIC: the host's services are at the addresses of the metadata service.
	HostNetPiggyback HostNet = "piggyback"
)

// Bounds of a host's services.
const (
	MaxHostServices        = 32
	MaxHostServiceProjects = 64
	// maxSocketPath is the longest path of a UNIX socket in bytes (unix(7), sun_path with its end).
	maxSocketPath = 107
)

// metadataPort is the TCP port of the metadata service, which no service of a host can have.
const metadataPort = 80

// HostService is a TCP service of a host. Guests whose ports have hostNet reach it.
type HostService struct {
	Name string `json:"name"` // metrics count by it
	// Port is the TCP port at which guests reach it, 1 to 65535 and not 80.
	Port int `json:"port"`
	// Target is where the service listens on the host: an address of the loopback interface with a port (127.0.0.1:3128, [::1]:3128),
	// or a UNIX socket (unix:/run/proxy.sock).
	Target string `json:"target"`
	// Projects are those whose guests may use it; those of all projects when empty.
	Projects []string `json:"projects,omitempty"`
}

func (h HostNet) validate(c *Checker, field string) {
	switch h {
	case "", HostNetNIC, HostNetPiggyback:
	default:
		c.Fail(field, "%s is not known: write %s or %s, or leave it out", quote(string(h)), HostNetNIC, HostNetPiggyback)
	}
}

// HostNetDevice is the name of the netdev of a guest's NIC on the host network (HostNetNIC): "nic" and the rest of the name of the port's
// own device, or, if that does not begin with "tap", 55 bits of its SHA-256. Ports with different devices on a host have different ones,
// and whoever makes the guest can tell it.
func HostNetDevice(device string) string {
	const prefix = "nic"
	if rest, ok := strings.CutPrefix(device, "tap"); ok {
		return prefix + rest
	}
	return prefix + DeviceHash(device)
}

// HostNetMAC is the MAC of that NIC: the port's own with another bit of its first byte. Nothing but the host sees it, so it need not be
// unique. By it guests tell their NICs apart.
func HostNetMAC(port MAC) MAC {
	nic := port
	nic[0] ^= 0x04
	if nic == serverMAC || nic == gatewayMAC {
		nic[0] ^= 0x08
	}
	return nic
}

// validateServices checks the services of a host.
func (s *HostSpec) validateServices(c *Checker) {
	names, ports := map[string]int{}, map[int]int{}
	for i, v := range s.Services[:c.atMost("spec.services", len(s.Services), MaxHostServices)] {
		at := item("spec.services", i)
		if c.name(at+".name", v.Name) {
			if first, ok := names[v.Name]; ok {
				c.Fail(at+".name", "%q is given already by spec.services[%d]: keep one", v.Name, first)
			} else {
				names[v.Name] = i
			}
		}
		first, used := ports[v.Port]
		switch {
		case v.Port < 1 || v.Port > 65535:
			c.Fail(at+".port", "%d is no TCP port: use 1 to 65535", v.Port)
		case v.Port == metadataPort:
			c.Fail(at+".port", "%d is the port of the metadata service: use another", v.Port)
		case used:
			c.Fail(at+".port", "%d is used already by spec.services[%d]: each service needs its own", v.Port, first)
		default:
			ports[v.Port] = i
		}
		if _, _, ok := SplitServiceTarget(v.Target); !ok {
			c.Fail(at+".target", "%s is not where a service of the host can be: write an address of the loopback interface and a port, as "+
				"127.0.0.1:3128 or [::1]:3128, or a UNIX socket of at most %d bytes, as unix:/run/proxy.sock", quote(v.Target), maxSocketPath)
		}
		for j, p := range v.Projects[:c.atMost(at+".projects", len(v.Projects), MaxHostServiceProjects)] {
			if field := item(at+".projects", j); c.name(field, p) && slices.Contains(v.Projects[:j], p) {
				c.Fail(field, "%q is given twice: keep one", p)
			}
		}
	}
}

// SplitServiceTarget says how a host's service is dialled: network is "tcp" or "unix". It is not ok if the target is neither a port of a
// loopback address nor an absolute path without detours: guests must not reach other hosts by it.
func SplitServiceTarget(target string) (network, address string, ok bool) {
	if socket, found := strings.CutPrefix(target, "unix:"); found {
		plain := !strings.ContainsFunc(socket, func(r rune) bool { return r <= ' ' || r > '~' })
		return "unix", socket, plain && path.IsAbs(socket) && path.Clean(socket) == socket && socket != "/" && len(socket) <= maxSocketPath
	}
	a, err := netip.ParseAddrPort(target)
	return "tcp", target, err == nil && a.Addr().IsLoopback() && !a.Addr().Is4In6() && a.Addr().Zone() == "" && a.Port() != 0
}
