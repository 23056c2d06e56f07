package etcdschema

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/netip"
	"time"

	"weft/model"
	"weft/model/desired"
)

// Accepted is the last valid state of an intent object, with the values that were allocated to it. All computation starts from it.
type Accepted struct {
	UID string `json:"uid"`
	// IntentRevision is the mod revision of the intent that was accepted, and CreateRevision its create revision. An intent with
	// another create revision is another incarnation and gets another uid.
	IntentRevision int64        `json:"intentRevision"`
	CreateRevision int64        `json:"createRevision"`
	Object         model.Object `json:"object"`
	Allocated      Allocated    `json:"allocated,omitzero"`
	// GatewaySecret of a gateway host is 256 random bits in hexadecimal. The secrets in its packets to other gateway hosts are
	// derived from it. When it is removed, a new one is made.
	GatewaySecret string `json:"gatewaySecret,omitempty"`
	// Migration is the current migration of a port; nil when there is none.
	Migration *Migration `json:"migration,omitempty"`
}

// DecodeAccepted is Decode for an accepted object of one of the kinds.
func DecodeAccepted(kinds model.Kinds, value []byte) (Accepted, error) {
	var v struct {
		Accepted
		Object json.RawMessage `json:"object"` // takes the place of the field in Accepted
	}
	if err := DecodeInto(value, &v); err != nil {
		return Accepted{}, err
	}
	object, err := kinds.DecodeObject(v.Object)
	if err != nil {
		return Accepted{}, fmt.Errorf("decode object: %w", err)
	}
	v.Accepted.Object = object
	return v.Accepted, nil
}

// Migration is the move of a port from one host to another. It lasts from the intent that asks for it to the intent that ends it.
type Migration struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Number is the mod revision of the intent that first asked for it. It distinguishes a later move between the same hosts.
	Number int64 `json:"number"`
	// Activated says that the guest has announced itself on the host To. The port is active there and not on From.
	Activated bool `json:"arrived,omitempty"`
}

// Allocated has the values that an object got by its claims. Which fields are set depends on its kind.
type Allocated struct {
	MAC            model.MAC       `json:"mac,omitzero"`
	Addresses      []model.Address `json:"addresses,omitempty"`
	SegmentationID uint16          `json:"segmentationID,omitempty"`
	// DHCPServers has one address for each IPv4 subnet with a DHCP server, in the order of the spec's subnets.
	DHCPServers []model.Address `json:"dhcpServers,omitempty"`
	// External has addresses on external networks, in the order of the networks' uids: those of a host, for the distributed routers
	// on it, or those of a centralized router.
	External []ExternalAddresses `json:"external,omitempty"`
	// GatewayHosts are the hosts that have a centralized router, in order of precedence. The first one that the others reach is
	// active.
	GatewayHosts []string `json:"gatewayHosts,omitempty"`
	// Device is a port's netdev if another port has its conventional name; empty for all other ports.
	Device string `json:"device,omitempty"`
	// SecurityGroups are the names of the groups that filter a port: those of its spec, or the default of its project.
	SecurityGroups []string `json:"securityGroups,omitempty"`
	// FixedAddress is the address that a floating address is translated to. It is set in statuses only.
	FixedAddress model.Address `json:"fixedAddress,omitzero"`
}

// ExternalAddresses are the addresses that a host or a centralized router has claimed on one external network, at most one for each
// family.
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
	ClaimHeld  ClaimState = "held" // released; the key is deleted with its lease after the hold time
)

// Claim is the value of a claim key. It says who has what the key names.
type Claim struct {
	Owner string     `json:"owner"` // uid
	State ClaimState `json:"state"`
	Since time.Time  `json:"since"`
	// For is the owner as people read it ("Port alpha/web-1"). A later incarnation of the same name may take a value that is held
	// after the earlier one.
	For string `json:"for,omitempty"`
}

// Phase is the result of validating and placing an intent object.
type Phase string

// The phases of an intent object.
const (
	PhaseAccepted Phase = "Accepted"
	PhaseInvalid  Phase = "Invalid" // the newest intent is not valid; the accepted spec stays in force
	PhasePending  Phase = "Pending" // valid; it waits for what Reasons names
)

// Status is what people read about an object.
type Status struct {
	UID            string `json:"uid,omitempty"`
	Phase          Phase  `json:"phase"`
	IntentRevision int64  `json:"intentRevision"`
	// Reasons say what is wrong or missing. For an accepted object they say what it does not do although this may be intended.
	Reasons   []Reason  `json:"reasons,omitempty"`
	Allocated Allocated `json:"allocated,omitzero"`
	// Host is the host on which a port's guest runs: that of its spec, or the one to which it has migrated.
	Host string `json:"host,omitempty"`
	// Nodes has the progress on each node that holds the object.
	Nodes map[string]NodeStatus `json:"nodes,omitempty"`
	// AddressPool counts the addresses of an address pool. It is nil for other kinds, and before the pool is accepted.
	AddressPool *AddressPoolStatus `json:"addressPool,omitempty"`
}

// AddressPoolStatus counts the addresses of an address pool, for each family of which it has ranges.
type AddressPoolStatus struct {
	IPv4 *AddressCount `json:"ipv4,omitempty"`
	IPv6 *AddressCount `json:"ipv6,omitempty"`
}

// AddressCount counts addresses. Size is Used, Held and Free together. Numbers above 2^64-1 are written as 2^64-1.
type AddressCount struct {
	// Size is the number of addresses that the pool has to give, without excluded ones, gateways and DHCP servers.
	Size uint64 `json:"size"`
	Used uint64 `json:"used"`
	Held uint64 `json:"held"` // released, and kept from reuse for the hold time
	Free uint64 `json:"free"`
	// Excluded is the number of excluded addresses that are still in use. They are not in Size.
	Excluded uint64 `json:"excludedInUse,omitempty"`
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
	// External are the source addresses with which traffic of a router's guests leaves this node.
	External []model.Address `json:"external,omitempty"`
	// Warnings say what looks wrong there although nothing failed.
	Warnings []Warning `json:"warnings,omitempty"`
	// Gateway says whether the node is the active one of a centralized router, according to its last report.
	Gateway GatewayState `json:"gateway,omitempty"`
}

// Head proves that a node config is complete. A node removes something only if a matching head shows that it is gone.
type Head struct {
	Generation int64  `json:"generation"`
	Count      int    `json:"count"`
	Digest     string `json:"digest"` // hexadecimal; see SetDigest
}

// NodeReport is the summary of a node, key ActualNode.
type NodeReport struct {
	Version  string            `json:"version"`
	Features []desired.Feature `json:"features"`
	// ProcessedRevision is the revision up to which everything in the node config is programmed or listed as an exception.
	ProcessedRevision int64 `json:"processedRevision"`
	Generation        int64 `json:"generation"` // of the head that was processed
	// EtcdRevision is the highest revision that the node has seen, and ClusterID the cluster where it has seen it. A controller
	// whose etcd is behind it knows that etcd went back.
	EtcdRevision int64             `json:"etcdRevision"`
	ClusterID    string            `json:"clusterID"`
	Ports        int               `json:"ports"`
	Exceptions   int               `json:"exceptions"`
	Warnings     int               `json:"warnings,omitempty"`
	Repaired     map[string]uint64 `json:"repaired,omitempty"` // repairs of drift since start, by driver
	// Held says why the node keeps its last good state and waits for an accept. It is empty when the node does not.
	Held string    `json:"held,omitempty"`
	At   time.Time `json:"at"`
}

// Buckets is the number of buckets of a node's report.
const Buckets = 64

// Bucket is the bucket in which a uid is reported.
func Bucket(uid string) int {
	h := fnv.New32a()
	h.Write([]byte(uid))
	return int(h.Sum32() % Buckets)
}

// BucketReport is one bucket of a node's report, by uid.
type BucketReport struct {
	Ports      map[string]PortReport `json:"ports,omitempty"`
	Exceptions map[string]Exception  `json:"exceptions,omitempty"`
	// Warnings say what looks wrong although nothing failed. Those about the whole host are under the host's own uid.
	Warnings map[string][]Warning `json:"warnings,omitempty"`
	// Gateways are the centralized routers on the node.
	Gateways map[string]GatewayReport `json:"gateways,omitempty"`
	// Claimed is by the uid of the item from which the claim follows: the host, an external network, a router, a floating address.
	Claimed map[string]ClaimedReport `json:"claimed,omitempty"`
	// Limited are the packets that the limits of routers and floating addresses dropped.
	Limited map[string][]RejectedFrames `json:"limited,omitempty"`
}

// ClaimedReport is a claimed value that the node uses for something other than a port or the MAC and addresses of a centralized
// router. It is the node's own MAC, its own addresses on an external network, a floating address, or the prefixes behind a router.
// Claims are rebuilt from it after a restore.
type ClaimedReport struct {
	For   string `json:"for"`             // as in Claim: "Host h1", "FloatingIP project/name"
	Owner string `json:"owner,omitempty"` // uid; empty when it is the uid of the item
	// Network is the uid of the network of the addresses, at most one address of each family.
	Network   string          `json:"network,omitempty"`
	MAC       model.MAC       `json:"mac,omitzero"`
	Addresses []model.Address `json:"addresses,omitempty"`
	// Prefixes are those of a router on the external network, which routes IPv6.
	Prefixes []netip.Prefix `json:"prefixes,omitempty"`
}

// OwnerOf is the uid of the owner of the claims that are reported under the item's uid.
func (r ClaimedReport) OwnerOf(item string) string {
	if r.Owner != "" {
		return r.Owner
	}
	return item
}

// GatewayState says whether a node lets a centralized router send and receive.
type GatewayState string

// The states of a centralized router on a node.
const (
	GatewayActive  GatewayState = "active"
	GatewayStandby GatewayState = "standby" // wired, but it neither sends nor receives
)

// GatewayReport is the state of a centralized router on the node. Claims are rebuilt from it after a restore.
type GatewayReport struct {
	ID    string       `json:"id"` // project/name
	State GatewayState `json:"state"`
	// Reason says why it is in that state (host "h1" is heard, which comes before).
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
	// MAC, External and Addresses belong to the router: its MAC, the uid of its external network and its addresses there.
	MAC       model.MAC       `json:"mac,omitzero"`
	External  string          `json:"external,omitempty"`
	Addresses []model.Address `json:"addresses,omitempty"`
}

// PortReport is the state of a port on the node. Claims are rebuilt from it after a restore.
type PortReport struct {
	ID             string          `json:"id"` // project/name
	Network        string          `json:"network"`
	MAC            model.MAC       `json:"mac"`
	Addresses      []model.Address `json:"addresses,omitempty"`
	SegmentationID uint16          `json:"segmentationID,omitempty"`
	Physical       string          `json:"physicalNetwork,omitempty"`
	State          desired.State   `json:"state"`
	// Device is the port's interface on the node ("vnet5"); empty while there is none.
	Device string `json:"device,omitempty"`
	// Activated is the number of the migration for which the guest has announced itself on this node; 0 for none.
	Activated int64 `json:"arrived,omitempty"`
	// Rejected are the frames of the port that were rejected, by reason and in its order. Counts begin anew when weftd restarts.
	Rejected []RejectedFrames `json:"rejected,omitempty"`
}

// RejectedFrames are frames that a port sent, or would have received, and that were rejected for one reason ("source-ipv4"). The node looks
// at its counters about once a minute. Last is the time of the look that found the newest ones.
type RejectedFrames struct {
	Reason string    `json:"reason"`
	Frames uint64    `json:"frames"`
	Last   time.Time `json:"last"`
}

// MaxRejected bounds the number of reasons of one port. A reader ignores what is beyond.
const MaxRejected = 32

// ExceptionState says what kind of exception it is.
type ExceptionState string

// The states of an exception.
const (
	ExceptionPending ExceptionState = "Pending" // waits for what Reason names
	ExceptionFailed  ExceptionState = "Failed"  // failed, and is retried with backoff
)

// Exception says why an item of the node config is not programmed.
type Exception struct {
	State  ExceptionState `json:"state"`
	Reason string         `json:"reason"`
	Since  time.Time      `json:"since"`
}

// Warning is something that looks wrong about an item although nothing failed. Reason is one word ("MACMismatch").
type Warning struct {
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Since   time.Time `json:"since"`
}

// MaxWarnings bounds the number of warnings about one uid. MaxWarningMessage bounds their length in bytes. A reader ignores what is
// beyond.
const (
	MaxWarnings       = 8
	MaxWarningMessage = 400
)

// Order is something that people tell a node or the controllers once. A new At makes it a new order.
type Order struct {
	By string    `json:"by,omitempty"`
	At time.Time `json:"at"`
	// Objects, in a deletion order, are the objects that may be deleted at once, as project/kind/name.
	Objects []string `json:"objects,omitempty"`
}
