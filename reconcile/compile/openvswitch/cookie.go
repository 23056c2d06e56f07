package openvswitch

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"weft/hostnet/object"
)

// Features of flow sets. An owner's sets differ in their feature.
const (
	FeatureBridge          = "bridge"
	FeatureNetwork         = "network"
	FeaturePort            = "port"
	FeatureExternalGateway = "external-gateway"
	FeatureSecurityGroup   = "security-group"
	FeatureGroupMembers    = "group-members"
)

// routerInterfacePrefix comes before a network's uid.
const routerInterfacePrefix = "router-interface/"

// FeatureRouterInterface is the feature of the flow set of a router's interface on a network. A router has one set for each of its
// networks.
func FeatureRouterInterface(networkUID string) string { return routerInterfacePrefix + networkUID }

// FeatureSession is the feature of the flow set of a network's BFD session with a host.
func FeatureSession(node string) string { return "session/" + node }

// Cookie is the OpenFlow cookie of a flow set. Its top byte is object.CookieOwner. The other 56 bits are of the SHA-256 of the
// owner's uid and the feature. It is the same on every host and after every restart.
func Cookie(ownerUID, feature string) uint64 {
	sum := sha256.Sum256([]byte(ownerUID + "\x00" + hashed(feature)))
	return object.CookieOwner | binary.BigEndian.Uint64(sum[:8])&^object.CookieMask
}

// hashed is the form of a feature of which cookies are made. Two features had other names in former versions. With new cookies, an
// upgrade would write all their flows anew.
func hashed(feature string) string {
	if network, is := strings.CutPrefix(feature, routerInterfacePrefix); is {
		return "leg/" + network
	}
	if feature == FeatureExternalGateway {
		return "external-leg"
	}
	return feature
}

// learnCookie is the cookie of the link-local addresses that were learned from a port. It changes with the OpenFlow port number.
// Therefore what a guest claimed is removed when its interface is plugged anew.
func learnCookie(ownerUID string, ofport uint32) uint64 {
	return Cookie(ownerUID, fmt.Sprintf("link-local/%d", ofport))
}

// flowSetKey is the key of an owner's flow set on the bridge.
func flowSetKey(bridge, ownerUID, feature string) object.Key {
	return object.Key{Kind: object.KindFlowSet, Name: object.FlowSetName(bridge, Cookie(ownerUID, feature))}
}
