package scale

import (
	"fmt"
	"net/netip"

	"weft/model"
)

// The shape of the region. A network has portsPerNetwork ports, and a project has networksPerProject networks. Each routedEvery-th
// project has a router over its first routedNetworks networks. There, each floatingEvery-th port has a floating address.
const (
	portsPerNetwork    = 60
	networksPerProject = 10
	routedEvery        = 10
	routedNetworks     = 3
	floatingEvery      = 10
	// leastNetworks are there for any number of ports. The last of them is on no router.
	leastNetworks = routedNetworks + 1

	physicalNetwork = "physnet1"
	operator        = "operator" // the project of the external network
	external        = operator + "/internet"
	routedProject   = "routed" // has one network, of all hosts, behind a router
	routedNetwork   = "big"
	bulkProject     = "bulk" // of the CLI's ports
)

func hostName(i int) string    { return fmt.Sprintf("h%04d", i) }
func projectName(p int) string { return fmt.Sprintf("p%03d", p) }
func networkName(k int) string { return fmt.Sprintf("n%d", k) }

// spread gives the i-th port its host. Ports with consecutive numbers are not on consecutive hosts.
func (c *Cloud) spread(i int) string { return hostName(i * 7919 % c.conf.Hosts) }

func declared(kind model.Kind, project, name string, spec model.Spec) model.Object {
	return model.Object{APIVersion: model.APIVersion, Kind: kind, Metadata: model.Metadata{Project: project, Name: name}, Spec: spec}
}

func project(name string) model.Object {
	return declared(model.KindProject, "", name, &model.ProjectSpec{})
}

// network is a network with a subnet of each family; n tells the subnets of a project apart.
func network(project, name string, n int) model.Object {
	v4 := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n), 0, 0}), 16)
	v6 := netip.MustParsePrefix(fmt.Sprintf("fd00:%x::/64", n))
	return declared(model.KindNetwork, project, name, &model.NetworkSpec{Type: model.NetworkTypeVLAN, PhysicalNetwork: physicalNetwork,
		Subnets: []model.Subnet{{CIDR: model.Prefix{Prefix: v4}}, {CIDR: model.Prefix{Prefix: v6}}}})
}

func router(project string, networks ...string) model.Object {
	return declared(model.KindRouter, project, "edge", &model.RouterSpec{Networks: networks, ExternalNetwork: external})
}

func port(project, name, network, host string) model.Object {
	return declared(model.KindPort, project, name, &model.PortSpec{Network: network, Host: host})
}

// infrastructure is declared before any guest: hosts, the physical and the external network, and the routed project.
func (c *Cloud) infrastructure() []model.Object {
	outside := declared(model.KindNetwork, operator, "internet", &model.NetworkSpec{Type: model.NetworkTypeVLAN,
		PhysicalNetwork: physicalNetwork, External: &model.External{},
		Subnets: []model.Subnet{{CIDR: model.Prefix{Prefix: netip.MustParsePrefix("198.18.0.0/15")},
			Gateway: model.Address{Addr: netip.MustParseAddr("198.18.0.1")}}}})
	objects := []model.Object{
		declared(model.KindPhysicalNetwork, "", physicalNetwork, &model.PhysicalNetworkSpec{
			VLANRanges: []model.VLANRange{{Minimum: 2, Maximum: 4094}}}),
		project(operator), outside,
		project(routedProject), network(routedProject, routedNetwork, 1), router(routedProject, routedNetwork),
	}
	for i := range c.conf.Hosts {
		objects = append(objects, declared(model.KindHost, "", hostName(i), &model.HostSpec{
			PhysicalNetworks: []model.HostPhysicalNetwork{{Name: physicalNetwork, Interface: "eth1"}}}))
	}
	return objects
}

// tenants are the projects, networks and routers of n ports.
func tenants(n int) []model.Object {
	var objects []model.Object
	networks := max((n+portsPerNetwork-1)/portsPerNetwork, leastNetworks)
	for k := range networks {
		p := k / networksPerProject
		if k%networksPerProject == 0 {
			objects = append(objects, project(projectName(p)))
		}
		objects = append(objects, network(projectName(p), networkName(k%networksPerProject), k%networksPerProject))
	}
	for p := 0; p*networksPerProject < networks; p += routedEvery {
		var names []string
		for k := range min(routedNetworks, networks-p*networksPerProject) {
			names = append(names, networkName(k))
		}
		objects = append(objects, router(projectName(p), names...))
	}
	return objects
}

// guests are n ports on the tenants' networks, and floatings are their floating addresses.
func (c *Cloud) guests(n int) (ports, floatings []model.Object) {
	for i := range n {
		k := i / portsPerNetwork
		p, net := k/networksPerProject, k%networksPerProject
		name := fmt.Sprintf("v%05d", i)
		ports = append(ports, port(projectName(p), name, networkName(net), c.spread(i)))
		if p%routedEvery == 0 && net < routedNetworks && i%floatingEvery == 0 {
			floatings = append(floatings, declared(model.KindFloatingIP, projectName(p), name,
				&model.FloatingIPSpec{Network: external, Port: name}))
		}
	}
	return ports, floatings
}
