package etcdschema

import (
	"strconv"
	"strings"
	"time"

	"weft/model"
)

// AllPrefix is everything below root and layout. It is for followers that need one order over all areas (controllers). No other
// role may read it.
func AllPrefix() Prefix { return Prefix{""} }

// StatusOf is the status key for a key of intent/. It also exists for a key that names no object (an unknown kind, a bad project),
// so that its author can read why. ok is false when no such key can be made.
func StatusOf(intent Key) (Key, bool) {
	rest, ok := strings.CutPrefix(intent.path, "intent/")
	if !ok || strings.Count(rest, "/") != 2 || len(rest) > maxStatusPath {
		return Key{}, false
	}
	return Key{"status/" + rest}, true
}

// maxStatusPath bounds the status keys that garbage below intent/ can cause.
const maxStatusPath = 512

// ParseSegmentClaim reads physical network and VLAN id out of a claim key. The id is 0 for the untagged frames.
func ParseSegmentClaim(k Key) (physicalNetwork string, vlan uint16, ok bool) {
	rest, found := strings.CutPrefix(k.path, "claim/segment/")
	if !found {
		return "", 0, false
	}
	name, s, found := strings.Cut(rest, "/")
	n, err := strconv.ParseUint(s, 10, 16)
	if !found || err != nil || n > 4094 {
		return "", 0, false
	}
	return name, uint16(n), true
}

// ControlStatusKey is the key of the controllers' own status.
func ControlStatusKey() Key { return Key{"status/" + ControlNode} }

// ControlStatus is what the leader says about itself.
type ControlStatus struct {
	Leader  string    `json:"leader"`
	Version string    `json:"version,omitempty"`
	Since   time.Time `json:"since"` // of the leadership
	// Held says why nothing is written and no claim is freed until an order "accept". It is nil while work goes on. The JSON name is
	// that of former versions.
	Held *Hold `json:"brake,omitempty"`
	// AcceptedRevision is the highest revision that anybody had seen when an accept ended a hold. Evidence up to this revision
	// that etcd went back is known, and does not begin another hold.
	AcceptedRevision int64 `json:"acceptedRevision,omitempty"`
	// AcceptedClusters are the clusters, other than the present one, from which several nodes had reported at that accept.
	AcceptedClusters []string `json:"acceptedClusters,omitempty"`
	// AcceptedNodes is what single nodes reported beyond that, by node name. It is known for these nodes only, and proves nothing
	// about others.
	AcceptedNodes map[string]NodeSeen `json:"acceptedNodes,omitempty"`
	// Accepting is the accept that is being carried out. Its order stays in etcd until then.
	Accepting *Accepting `json:"accepting,omitempty"`
	// Distrusted says, by node, which of its reports the controllers refuse or do not believe.
	Distrusted map[string][]string `json:"distrusted,omitempty"`
}

// Accepting is an accept that is being carried out.
type Accepting struct {
	Order int64 `json:"order"` // mod revision
	// Restored says that claims are rebuilt from the nodes' reports before anything else is written.
	Restored bool `json:"restored,omitempty"`
}

// NodeSeen is a revision or a cluster that a node reports and that this etcd does not have.
type NodeSeen struct {
	Revision  int64  `json:"revision,omitempty"`
	ClusterID string `json:"clusterID,omitempty"`
}

// Hold says why the controllers write nothing.
type Hold struct {
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	// Revision is etcd's revision when the hold began. An order with a later mod revision ends it.
	Revision int64 `json:"revision"`
	// Restored says that etcd went back. Claims are then rebuilt from the nodes' reports before work goes on.
	Restored bool `json:"restored,omitempty"`
}

// IntentOf is the key of intent/ for a status key that StatusOf or StatusKey made.
func IntentOf(status Key) (Key, bool) {
	rest, ok := strings.CutPrefix(status.path, "status/")
	if !ok || strings.Count(rest, "/") != 2 {
		return Key{}, false
	}
	return Key{"intent/" + rest}, true
}

// ParseMACClaim reads the MAC out of a claim key.
func ParseMACClaim(k Key) (model.MAC, bool) {
	rest, found := strings.CutPrefix(k.path, "claim/mac/")
	if !found {
		return model.MAC{}, false
	}
	m, err := model.ParseMAC(rest)
	return m, err == nil
}

// ParseFixedClaim reads the guest's address out of a claim key.
func ParseFixedClaim(k Key) (model.Address, bool) {
	rest, found := strings.CutPrefix(k.path, "claim/fixed/")
	if !found {
		return model.Address{}, false
	}
	_, s, _ := strings.Cut(rest, "/")
	a, err := model.ParseAddress(s)
	return a, err == nil
}
