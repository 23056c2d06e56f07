package openvswitch

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"weft/hostnet/object"
)

// Features of flow sets. An owner's sets differ in their feature.
const (
	FeatureBridge      = "bridge"
	FeatureNetwork     = "network"
	FeaturePort        = "port"
	FeatureExternalLeg = "external-leg"
)

// FeatureLeg is the feature of the flow set of a router's leg on a network. A router has one set for each of its networks.
func FeatureLeg(networkUID string) string { return "leg/" + networkUID }

// FeatureSession is the feature of the flow set of a network's BFD session with a host.
func FeatureSession(node string) string { return "session/" + node }

// Cookie is the OpenFlow cookie of a flow set. Its top byte is object.CookieOwner. The other 56 bits are of the SHA-256 of the
// owner's uid and the feature. It is the same on every host and after every restart.
func Cookie(ownerUID, feature string) uint64 {
	sum := sha256.Sum256([]byte(ownerUID + "\x00" + feature))
	return object.CookieOwner | binary.BigEndian.Uint64(sum[:8])&^object.CookieMask
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
