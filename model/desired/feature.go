package desired

// Feature is one ability of a node on which a controller may depend. Nodes publish theirs in actual. A controller never writes to a
// node config what its node does not support: the port stays Pending with "needs feature X". A node that has published nothing yet is
// assumed to have exactly Baseline.
type Feature string

// The features of this version.
const (
	FeatureVLAN    Feature = "vlan"    // networks of type vlan
	FeatureDHCPv4  Feature = "dhcpv4"  // RFC 2131 on the guest's port
	FeatureDHCPv6  Feature = "dhcpv6"  // RFC 8415 IA_NA on the guest's port
	FeatureRA      Feature = "ra"      // RFC 4861 router advertisements on the guest's port
	FeatureStandby Feature = "standby" // ports in StateStandby
	FeatureRouter  Feature = "router"  // routers, external networks and floating addresses
	// FeatureCentral: centralized routers on gateway hosts. A node with this feature also has FeatureRouter.
	FeatureCentral Feature = "central"
	// FeatureSessionSecret: BFD packets between gateway hosts carry secrets (GatewayPeer.Secret).
	FeatureSessionSecret Feature = "session-secret"
	// FeatureOnLink: guests are told of gateways and servers outside of their subnets.
	FeatureOnLink Feature = "on-link"
	// FeatureLimits: limits of ports (Port.Limits).
	FeatureLimits Feature = "limits"
	// FeatureFlat: networks of type flat.
	FeatureFlat Feature = "flat"
	// FeatureIsolation: networks whose guests do not reach each other (Network.IsolateGuests).
	FeatureIsolation Feature = "isolation"
	// FeatureAddressPairs: allowed address pairs of ports (Port.AddressPairs, Network.AddressPairs).
	FeatureAddressPairs Feature = "address-pairs"
	// FeatureSecurityGroups: security groups of ports (Port.SecurityGroups).
	FeatureSecurityGroups Feature = "security-groups"
	// FeatureManagement: guests are kept from the management networks (Host.ManagementCIDRs).
	FeatureManagement Feature = "management"
	// FeatureMetadata: what guests are configured with (Metadata). A node without it gets the ports and serves no metadata.
	FeatureMetadata Feature = "metadata"
	// FeatureHostNet: guests reach services of their host (Port.HostNet, Host.Services).
	FeatureHostNet Feature = "host-net"
	// FeatureRouterLimits: limits of routers and floating addresses (Router.Limits, FloatingIP.Limits).
	FeatureRouterLimits Feature = "router-limits"
	// FeatureBroadcastLimit: limits of what a port sends to many (PortLimits.Broadcast). A node with it has a default for every port.
	FeatureBroadcastLimit Feature = "broadcast-limit"
)

// Features lists what this version of the host reconciler can do.
func Features() []Feature {
	return []Feature{FeatureVLAN, FeatureDHCPv4, FeatureDHCPv6, FeatureRA, FeatureStandby, FeatureRouter, FeatureCentral,
		FeatureSessionSecret, FeatureOnLink, FeatureLimits, FeatureFlat, FeatureIsolation, FeatureAddressPairs, FeatureSecurityGroups,
		FeatureManagement, FeatureMetadata, FeatureHostNet, FeatureRouterLimits, FeatureBroadcastLimit}
}

// Baseline lists the features that every node of layout version v1 has.
func Baseline() []Feature {
	return []Feature{FeatureVLAN, FeatureDHCPv4, FeatureDHCPv6, FeatureRA}
}
