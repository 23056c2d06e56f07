package etcdschema

import (
	"hash/fnv"
	"net/netip"
	"time"

	"weft/model"
	"weft/model/desired"
)

// Accepted is the last valid state of an intent object and what was allocated to it. All computation starts here.
type Accepted struct {
	UID string `json:"uid"`
	// IntentRevision is the mod revision of the intent it was taken from, and CreateRevision the create revision: an
	// intent with another create revision is another incarnation and gets another uid.
	IntentRevision int64        `json:"intentRevision"`
	CreateRevision int64        `json:"createRevision"`
	Object         model.Object `json:"object"`
	Allocated      Allocated    `json:"allocated,omitzero"`
	// GatewaySecret of a gateway host is 256 random bits in hexadecimal: what its packets to other gateway hosts carry is made of
	// it. Another is made when it is removed.
	GatewaySecret string `json:"gatewaySecret,omitempty"`
	// Migration of a port that is to move; nil when it is not.
	Migration *Migration `json:"migration,omitempty"`
}

// Migration is a port's move from its host to another one, from the intent that asks for it to the one that ends it.
type Migration struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Number is the mod revision of the intent that first asked for it: a later move between the same hosts is another.
	Number int64 `json:"number"`
	// Arrived: the guest has announced itself on the other host, and the port is active there, not here.
	Arrived bool `json:"arrived,omitempty"`
}

// Allocated is what claims gave to an object; which fields are set depends on its kind.
type Allocated struct {
	MAC            model.MAC       `json:"mac,omitzero"`
	Addresses      []model.Address `json:"addresses,omitempty"`
	SegmentationID uint16          `json:"segmentationID,omitempty"`
	// DHCPServers holds one address for each IPv4 subnet with a DHCP server, in the order of the spec's subnets.
	DHCPServers []model.Address `json:"dhcpServers,omitempty"`
	// External are the addresses on external networks of a host, for the distributed routers on it, or of a centralized
	// router, in the order of the networks' uids.
	External []ExternalAddresses `json:"external,omitempty"`
	// GatewayHosts are the hosts that have a centralized router, in order of precedence: the first that the others reach is
	// active.
	GatewayHosts []string `json:"gatewayHosts,omitempty"`
	// Device is a port's netdev where its conventional name is another port's; empty for all others.
	Device string `json:"device,omitempty"`
	// FixedAddress is what a floating address is translated to; known in statuses only.
	FixedAddress model.Address `json:"fixedAddress,omitzero"`
}

// ExternalAddresses are what a host or a centralized router has claimed on one external network: at most one address for
// each family.
type ExternalAddresses struct {
	UID       string          `json:"uid"`
	Network   string          `json:"network"` // project/name
	Addresses []model.Address `json:"addresses"`
}

// ClaimState says whether a claim is in use.
type ClaimState string

// The states of a claim.
const (
	ClaimBound ClaimState = "bound"
	ClaimHeld  ClaimState = "held" // released; the key goes away with its lease after the hold time
)

// Claim is the value of a claim key: who has the thing the key names.
type Claim struct {
	Owner string     `json:"owner"` // uid
	State ClaimState `json:"state"`
	Since time.Time  `json:"since"`
	// For is the owner as people read it ("Port alpha/web-1"). A later incarnation of the same name may ask for a value
	// that is still held after the earlier one.
	For string `json:"for,omitempty"`
}

// Phase says what the controllers make of an intent object.
type Phase string

// The phases of an intent object.
const (
	PhaseAccepted Phase = "Accepted"
	PhaseInvalid  Phase = "Invalid" // the newest intent is not valid; what was accepted before stays in force
	PhasePending  Phase = "Pending" // valid, waiting for what Reasons names
)

// Status is what people read about an object.
type Status struct {
	UID            string `json:"uid,omitempty"`
	Phase          Phase  `json:"phase"`
	IntentRevision int64  `json:"intentRevision"`
	// Reasons say what is wrong or missing; of an accepted object, what it does not do though it may be meant so.
	Reasons   []Reason  `json:"reasons,omitempty"`
	Allocated Allocated `json:"allocated,omitzero"`
	// Host is where a port's guest is: that of its spec, or the one it has migrated to.
	Host string `json:"host,omitempty"`
	// Nodes tells for each node that holds the object how far it is. The revision is that of the desired key.
	Nodes map[string]NodeStatus `json:"nodes,omitempty"`
}

// Reason is one thing wrong with, or missing for, an object. Field is a path ("spec.addresses[0]").
type Reason struct {
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// NodeStatus is an object's progress on one node.
type NodeStatus struct {
	DesiredRevision int64  `json:"desiredRevision"`
	Programmed      bool   `json:"programmed"`
	Reason          string `json:"reason,omitempty"`
	// External are the addresses that a router's guests on the node leave as.
	External []model.Address `json:"external,omitempty"`
	// Warnings are what looks wrong there though nothing failed.
	Warnings []Warning `json:"warnings,omitempty"`
	// Gateway says whether the node is the active one of a centralized router, as it last reported.
	Gateway GatewayState `json:"gateway,omitempty"`
}

// Head proves a slice: a node removes only what a matching head says is gone.
type Head struct {
	Generation int64  `json:"generation"`
	Count      int    `json:"count"`
	Digest     string `json:"digest"` // hexadecimal; see SetDigest
}

// NodeReport is the summary of a node, key ActualNode.
type NodeReport struct {
	Version  string            `json:"version"`
	Features []desired.Feature `json:"features"`
	// ProcessedRevision: everything in the slice up to this revision is programmed or listed as an exception.
	ProcessedRevision int64 `json:"processedRevision"`
	Generation        int64 `json:"generation"` // of the head that was processed
	// EtcdRevision and ClusterID are the highest revision the node has seen and of which cluster; a controller that
	// meets an etcd behind it knows that etcd has gone back.
	EtcdRevision int64             `json:"etcdRevision"`
	ClusterID    string            `json:"clusterID"`
	Ports        int               `json:"ports"`
	Exceptions   int               `json:"exceptions"`
	Warnings     int               `json:"warnings,omitempty"`
	Repaired     map[string]uint64 `json:"repaired,omitempty"` // drift found and repaired since start, by driver
	// Held says why the node holds its last good state and waits for an accept; empty when it does not.
	Held string    `json:"held,omitempty"`
	At   time.Time `json:"at"`
}

// Buckets is the number of buckets of a node's report.
const Buckets = 64

// Bucket tells in which bucket a uid is reported.
func Bucket(uid string) int {
	h := fnv.New32a()
	h.Write([]byte(uid))
	return int(h.Sum32() % Buckets)
}

// BucketReport is one bucket of a node's report, by uid.
type BucketReport struct {
	Ports      map[string]PortReport `json:"ports,omitempty"`
	Exceptions map[string]Exception  `json:"exceptions,omitempty"`
	// Warnings are what looks wrong though nothing failed; those about the host as a whole are under its own uid.
	Warnings map[string][]Warning `json:"warnings,omitempty"`
	// Gateways are the centralized routers on the node.
	Gateways map[string]GatewayReport `json:"gateways,omitempty"`
	// Claimed are by the uid of the item that says so: the host, an external network, a floating address.
	Claimed map[string]ClaimedReport `json:"claimed,omitempty"`
}

// ClaimedReport is what the node uses that is neither a port's nor a centralized router's: its own MAC, its own addresses on
// an external network, a floating address, the prefixes behind a router. Claims are rebuilt from it after a restore.
type ClaimedReport struct {
	For   string `json:"for"`             // as in Claim: "Host h1", "FloatingIP project/name"
	Owner string `json:"owner,omitempty"` // uid; empty when it is the item's
	// Network is the uid of the network that the addresses are of; at most one of each family.
	Network   string          `json:"network,omitempty"`
	MAC       model.MAC       `json:"mac,omitzero"`
	Addresses []model.Address `json:"addresses,omitempty"`
	// Prefixes of a router on the external network, which routes IPv6.
	Prefixes []netip.Prefix `json:"prefixes,omitempty"`
}

// OwnerOf is the uid of who has claimed what is reported under the item's uid.
func (r ClaimedReport) OwnerOf(item string) string {
	if r.Owner != "" {
		return r.Owner
	}
	return item
}

// GatewayState says whether a node lets a centralized router speak.
type GatewayState string

// The states of a centralized router on a node.
const (
	GatewayActive  GatewayState = "active"
	GatewayStandby GatewayState = "standby" // wired, and mute in both directions
)

// GatewayReport is what a centralized router is on the node; claims are rebuilt from it after a restore.
type GatewayReport struct {
	ID    string       `json:"id"` // project/name
	State GatewayState `json:"state"`
	// Reason says why it is in that state ("h1 is reached, which comes before").
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
	// MAC, External and Addresses are the router's own: its MAC, the uid of its external network and its addresses there.
	MAC       model.MAC       `json:"mac,omitzero"`
	External  string          `json:"external,omitempty"`
	Addresses []model.Address `json:"addresses,omitempty"`
}

// PortReport is what a port is on the node; claims are rebuilt from it after a restore.
type PortReport struct {
	ID             string          `json:"id"` // project/name
	Network        string          `json:"network"`
	MAC            model.MAC       `json:"mac"`
	Addresses      []model.Address `json:"addresses,omitempty"`
	SegmentationID uint16          `json:"segmentationID,omitempty"`
	Physical       string          `json:"physicalNetwork,omitempty"`
	State          desired.State   `json:"state"`
	// Device is the interface that the port has there ("vnet5"); empty while it has none.
	Device string `json:"device,omitempty"`
	// Arrived is the number of the migration for which the guest has announced itself on this node.
	Arrived int64 `json:"arrived,omitempty"`
}

// ExceptionState says what kind of exception it is.
type ExceptionState string

// The states of an exception.
const (
	ExceptionPending ExceptionState = "Pending" // waits for what Reason names
	ExceptionFailed  ExceptionState = "Failed"  // was tried and is retried with backoff
)

// Exception is why an item of the slice is not programmed.
type Exception struct {
	State  ExceptionState `json:"state"`
	Reason string         `json:"reason"`
	Since  time.Time      `json:"since"`
}

// Warning is something that looks wrong about an item though nothing failed. Reason is one word ("MACMismatch").
type Warning struct {
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Since   time.Time `json:"since"`
}

// MaxWarnings bounds the warnings about one uid, and MaxWarningMessage their length in bytes: a reader takes no more.
const (
	MaxWarnings       = 8
	MaxWarningMessage = 400
)

// Order is something people tell a node or the controllers once; a new At is a new order.
type Order struct {
	By string    `json:"by,omitempty"`
	At time.Time `json:"at"`
	// Objects, of a deletion order, are those that may go at once, as project/kind/name.
	Objects []string `json:"objects,omitempty"`
}
