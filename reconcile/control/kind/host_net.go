package kind

import (
	"cmp"
	"fmt"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/claim"
)

// hostNetOf is the way of a port's guest to the services of its host.
func hostNetOf(mode model.HostNet, device string, mac model.MAC) desired.HostNet {
	switch mode {
	case model.HostNetNIC:
		return desired.HostNet{Mode: mode, Device: model.HostNetDevice(device), MAC: model.HostNetMAC(mac)}
	case model.HostNetPiggyback:
		return desired.HostNet{Mode: mode}
	}
	return desired.HostNet{}
}

// claimHostNet claims the name of the netdev on the port's hosts.
func claimHostNet(a *claim.Allocation, s *model.PortSpec, device string) {
	if s.HostNet != model.HostNetNIC {
		return
	}
	name := model.HostNetDevice(device)
	for _, host := range slices.Compact([]string{s.Host, s.MigrateTo}) {
		if host != "" {
			a.Claim("spec.hostNet", etcdschema.DeviceClaim(host, name), fmt.Sprintf("device %s on host %s, for the NIC on the host network,", name, host))
		}
	}
}

// servicesOf are the services of a host, as its item has them.
func servicesOf(s *model.HostSpec) (services []desired.HostService) {
	for _, v := range s.Services {
		services = append(services, desired.HostService{Name: v.Name, Port: uint16(v.Port), Target: v.Target, Projects: slices.Sorted(slices.Values(v.Projects))})
	}
	slices.SortFunc(services, func(a, b desired.HostService) int { return cmp.Compare(a.Port, b.Port) })
	return services
}
