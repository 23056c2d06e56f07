package kind

import (
	"fmt"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/claim"
)

// claimPort claims the MAC, the allowed address pairs, the addresses, the interface id, and the name of the device on each host.
func claimPort(a *claim.Allocation, s *model.PortSpec) {
	network := a.Accepted(s.NetworkID(a.ID.Project))
	if network == nil {
		return // reported with the references
	}
	claimPortMAC(a, s)
	keepRecognisable(a, network.Object.Spec.(*model.NetworkSpec))
	refuseManaged(a, s)
	claimPairs(a, s, network)
	claimPortAddresses(a, s, network)
	a.Result.SecurityGroups = effectiveGroups(a.Reader, a.ID.Project, s)
	ifaceID := interfaceID(s, a.ID.Name, a.UID)
	a.Claim("spec.interfaceID", etcdschema.InterfaceClaim(ifaceID), fmt.Sprintf("interface id %s", ifaceID))
	device := claimDevice(a, s, ifaceID)
	if s.Host != "" {
		a.Claim("spec.device", etcdschema.DeviceClaim(s.Host, device), fmt.Sprintf("device %s on host %s", device, s.Host))
	}
	if s.MigrateTo != "" && s.MigrateTo != s.Host {
		a.Claim("spec.device", etcdschema.DeviceClaim(s.MigrateTo, device), fmt.Sprintf("device %s on host %s", device, s.MigrateTo))
	}
	claimHostNet(a, s, device)
}

// claimPortMAC claims the MAC that the spec names, the one that the port has, or a free one.
func claimPortMAC(a *claim.Allocation, s *model.PortSpec) {
	if !s.MAC.IsZero() {
		a.Result.MAC = s.MAC
		a.Claim("spec.mac", etcdschema.MACClaim(s.MAC), "MAC "+s.MAC.String())
		return
	}
	if !a.ChooseMAC() {
		a.Pending("spec.mac", a.NoFreeMAC())
	}
}
