// Package etcdschema is the only code that knows a key or a codec of Weft's etcd. It has typed keys, records, snapshot and watch,
// transactions, election, the embedded server, roles and users.
//
// Invariants:
//
//   - Each object has one key.
//   - Intent is decoded strictly, everything else tolerantly. Unknown fields survive a rewrite.
//   - A prefix that is watched or granted always ends after a slash.
package etcdschema

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"weft/model"
	"weft/model/desired"
)

// DefaultRoot is the root of all keys when none is configured.
const DefaultRoot = "/weft"

// Layout is the version of the layout; it is the segment after the root.
const Layout = "v1"

// Key is one key below root and layout, e.g. "intent/alpha/port/web-1". Only the constructors of this package make keys, so that no
// malformed value becomes a key. The zero value is no key.
type Key struct{ path string }

// String is the key without root and layout.
func (k Key) String() string { return k.path }

// Compare orders keys as etcd does.
func (k Key) Compare(other Key) int { return strings.Compare(k.path, other.path) }

// Prefix is a range of keys that ends in a slash. Only the constructors of this package make it.
type Prefix struct{ path string }

// String is the prefix without root and layout.
func (p Prefix) String() string { return p.path }

// Contains says that the key lies under the prefix.
func (p Prefix) Contains(k Key) bool { return strings.HasPrefix(k.path, p.path) }

// ParentOf is the prefix that ends before the last segment of the key; ok is false for a key of one segment.
func ParentOf(k Key) (p Prefix, ok bool) {
	i := strings.LastIndexByte(k.path, '/')
	return Prefix{k.path[:i+1]}, i >= 0
}

// OfKind narrows the prefix of intent/, accepted/ or status/ to one kind of one project. The project is model.ClusterProject for
// cluster-wide kinds.
func (p Prefix) OfKind(project string, k model.Kind) Prefix {
	return Prefix{p.path + project + "/" + k.Segment() + "/"}
}

// The prefixes of the layout.
func IntentPrefix() Prefix   { return Prefix{"intent/"} }
func AcceptedPrefix() Prefix { return Prefix{"accepted/"} }
func StatusPrefix() Prefix   { return Prefix{"status/"} }
func ClaimPrefix() Prefix    { return Prefix{"claim/"} }
func DesiredPrefix() Prefix  { return Prefix{"desired/"} }
func ActualPrefix() Prefix   { return Prefix{"actual/"} }
func LivePrefix() Prefix     { return Prefix{"live/"} }
func OrderPrefix() Prefix    { return Prefix{"order/"} }
func EventPrefix() Prefix    { return Prefix{"event/"} }
func ElectionPrefix() Prefix { return Prefix{"election/"} }

// NodeDesired is the node config of one node: its desired items and their head.
func NodeDesired(node string) Prefix { return Prefix{"desired/" + node + "/"} }

// NodeItems is the part of a node's config that holds one kind of items.
func NodeItems(node string, k desired.Kind) Prefix {
	return Prefix{"desired/" + node + "/" + string(k) + "/"}
}

// NodeActual is what one node reports.
func NodeActual(node string) Prefix { return Prefix{"actual/" + node + "/"} }

// NodeOrder is what people tell one node.
func NodeOrder(node string) Prefix { return Prefix{"order/" + node + "/"} }

// ControlNode stands for the controllers in order/ keys.
const ControlNode = "_control"

func idPath(area string, id model.ID) Key {
	return Key{area + "/" + id.Project + "/" + id.Kind.Segment() + "/" + id.Name}
}

// Intent is the key people write an object to.
func Intent(id model.ID) Key { return idPath("intent", id) }

// AcceptedKey is the key of an object's last valid spec.
func AcceptedKey(id model.ID) Key { return idPath("accepted", id) }

// StatusKey is the key of an object's status.
func StatusKey(id model.ID) Key { return idPath("status", id) }

// maxNameBytes bounds project and name in a key that is read as an ID. Valid names are far shorter.
const maxNameBytes = 253

// ParseID reads the ID out of a key of intent/, accepted/ or status/. ok is false for every other key there: one with an unknown
// kind, or with an empty, too long or unprintable name. Package model decides whether the name is valid.
func ParseID(k Key) (id model.ID, ok bool) { return ParseIDOf(model.AllKinds(), k) }

// ParseIDOf is ParseID for objects of these kinds.
func ParseIDOf(kinds model.Kinds, k Key) (id model.ID, ok bool) {
	area, rest, _ := strings.Cut(k.path, "/")
	switch area {
	case "intent", "accepted", "status":
	default:
		return model.ID{}, false
	}
	project, rest, _ := strings.Cut(rest, "/")
	segment, name, _ := strings.Cut(rest, "/")
	if strings.Contains(name, "/") || !nameable(project) || !nameable(name) {
		return model.ID{}, false
	}
	kind, ok := kinds.OfSegment(segment)
	if !ok || kind.ClusterScoped() != (project == model.ClusterProject) {
		return model.ID{}, false
	}
	return model.ID{Project: project, Kind: kind, Name: name}, true
}

// nameable says that a segment of a key can be shown to people and written into another key.
func nameable(s string) bool {
	if s == "" || len(s) > maxNameBytes {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f { // seldom: look at it closely
			return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
		}
	}
	return true
}

// segment writes a free value as one segment of a key. Bytes that could end the segment or make it unreadable are percent-encoded,
// so that no value leads to the key of another value.
func segment(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '/' || c == '%' || c <= ' ' || c >= 0x7f:
			fmt.Fprintf(&b, "%%%02x", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// AddressClaim is the claim of an address within a network.
func AddressClaim(networkUID string, a model.Address) Key {
	return Key{"claim/address/" + networkUID + "/" + a.String()}
}

// AddressClaims are the claims of all addresses within a network.
func AddressClaims(networkUID string) Prefix { return Prefix{"claim/address/" + networkUID + "/"} }

// FixedClaims are the claims of the network's addresses that floating addresses lead to.
func FixedClaims(networkUID string) Prefix { return Prefix{"claim/fixed/" + networkUID + "/"} }

// MACClaim is the claim of a MAC within the region.
func MACClaim(m model.MAC) Key { return Key{"claim/mac/" + m.String()} }

// SegmentClaim is the claim of a VLAN id on a physical network; 0 is the claim of its untagged frames, by a flat network.
func SegmentClaim(physicalNetwork string, vlan uint16) Key {
	return Key{fmt.Sprintf("claim/segment/%s/%d", segment(physicalNetwork), vlan)}
}

// InterfaceClaim is the claim of an OVS iface-id within the region.
func InterfaceClaim(interfaceID string) Key { return Key{"claim/interface/" + segment(interfaceID)} }

// DeviceClaim is the claim of a netdev's name on a host.
func DeviceClaim(host, device string) Key {
	return Key{"claim/device/" + segment(host) + "/" + segment(device)}
}

// RouterNetworkClaim is the claim of a network by the one router it is on.
func RouterNetworkClaim(networkUID string) Key { return Key{"claim/router-network/" + networkUID} }

// RoutedPrefixClaim is the claim of an IPv6 prefix on an external network that routes IPv6. Its owner is the one router that the
// prefix is behind.
func RoutedPrefixClaim(networkUID string, p netip.Prefix) Key {
	return Key{"claim/prefix/" + networkUID + "/" + segment(p.Masked().String())}
}

// RoutedPrefixClaims are the claims of all prefixes on an external network.
func RoutedPrefixClaims(networkUID string) Prefix { return Prefix{"claim/prefix/" + networkUID + "/"} }

// RoutedPrefixGuard is written with every new claim of a prefix on the external network. Overlapping prefixes have different keys.
// Only the guard makes two transactions collide that claim them at the same time.
func RoutedPrefixGuard(networkUID string) Key { return Key{"claim/prefix/" + networkUID + "/_guard"} }

// ParseRoutedPrefixClaim reads the external network's uid and the prefix out of a claim key.
func ParseRoutedPrefixClaim(k Key) (networkUID string, p netip.Prefix, ok bool) {
	rest, found := strings.CutPrefix(k.path, "claim/prefix/")
	if !found {
		return "", netip.Prefix{}, false
	}
	uid, s, _ := strings.Cut(rest, "/")
	p, err := netip.ParsePrefix(strings.Replace(s, "%2f", "/", 1))
	if err != nil || RoutedPrefixClaim(uid, p) != k {
		return "", netip.Prefix{}, false
	}
	return uid, p, true
}

// ParseRoutedPrefixGuard reads the external network's uid out of the guard of its prefixes.
func ParseRoutedPrefixGuard(k Key) (networkUID string, ok bool) {
	uid, _, found := strings.Cut(strings.TrimPrefix(k.path, "claim/prefix/"), "/")
	return uid, found && k == RoutedPrefixGuard(uid)
}

// AddressPoolGuard is written with every address pool that is accepted with new ranges of the network. Only the guard makes two
// transactions collide that accept overlapping pools at the same time.
func AddressPoolGuard(networkUID string) Key { return Key{"claim/address-pool/" + networkUID} }

// IsAddressPoolGuard says that the key is the guard of a network's address pools.
func IsAddressPoolGuard(k Key) bool { return strings.HasPrefix(k.path, "claim/address-pool/") }

// FixedClaim is the claim of a guest's address by the one floating address that leads to it.
func FixedClaim(networkUID string, a model.Address) Key {
	return Key{"claim/fixed/" + networkUID + "/" + a.String()}
}

// AnyHost stands for every host in a device claim; no host has that name.
const AnyHost = "_"

// DesiredKey is the key of one item in a node config.
func DesiredKey(node string, k desired.Key) Key {
	return Key{"desired/" + node + "/" + string(k.Kind) + "/" + k.UID}
}

// HeadKey is the key of the node config's head.
func HeadKey(node string) Key { return Key{"desired/" + node + "/_head"} }

// ParseDesired reads node and item key out of a key of desired/. head is true for the node config's head.
func ParseDesired(k Key) (node string, item desired.Key, head, ok bool) {
	rest, found := strings.CutPrefix(k.path, "desired/")
	if !found {
		return "", desired.Key{}, false, false
	}
	node, rest, _ = strings.Cut(rest, "/")
	kind, uid, found := strings.Cut(rest, "/")
	switch {
	case found && !strings.Contains(uid, "/"):
		return node, desired.Key{Kind: desired.Kind(kind), UID: uid}, false, true
	case rest == "_head":
		return node, desired.Key{}, true, true
	}
	return "", desired.Key{}, false, false
}

// ActualNode is the key of a node's summary. The details are in the buckets, by uid (see Bucket).
func ActualNode(node string) Key { return Key{"actual/" + node + "/node"} }

// ActualBucket is the key of one bucket of a node's report.
func ActualBucket(node string, bucket int) Key {
	return Key{fmt.Sprintf("actual/%s/bucket/%02d", node, bucket)}
}

// The largest values of a report's keys, in bytes. A report with 10,000 ports stays below them.
const (
	MaxNodeReportBytes   = 32 << 10
	MaxBucketReportBytes = 128 << 10
)

// ParseActual reads the node out of a key of actual/, and which key of its report it is: the summary or a bucket. ok is false for a
// key that belongs to no report.
func ParseActual(k Key) (node string, bucket int, summary, ok bool) {
	rest, found := strings.CutPrefix(k.path, "actual/")
	node, rest, _ = strings.Cut(rest, "/")
	if !found || !nameable(node) {
		return "", 0, false, false
	}
	if rest == "node" {
		return node, 0, true, true
	}
	digits, found := strings.CutPrefix(rest, "bucket/")
	if b, err := strconv.ParseUint(digits, 10, 8); found && len(digits) == 2 && err == nil && b < Buckets {
		return node, int(b), false, true
	}
	return "", 0, false, false
}

// Live is the key a node keeps alive under a lease.
func Live(node string) Key { return Key{"live/" + node} }

// OrderKey is the key of an order ("accept", "resync") to a node or to ControlNode.
func OrderKey(node, order string) Key { return Key{"order/" + node + "/" + order} }

// DeletionOrder is the key of an order to the controllers that names objects which may be deleted at once. The name distinguishes
// such orders.
func DeletionOrder(name string) Key { return OrderKey(ControlNode, "delete-"+segment(name)) }

// IsDeletionOrder says that the key is that of a deletion order.
func IsDeletionOrder(k Key) bool {
	return strings.HasPrefix(k.path, OrderKey(ControlNode, "delete-").path)
}

// ParseAddressClaim reads network uid and address out of a claim key.
func ParseAddressClaim(k Key) (networkUID string, a model.Address, ok bool) {
	rest, found := strings.CutPrefix(k.path, "claim/address/")
	if !found {
		return "", model.Address{}, false
	}
	uid, s, found := strings.Cut(rest, "/")
	addr, err := netip.ParseAddr(s)
	if !found || err != nil {
		return "", model.Address{}, false
	}
	return uid, model.Address{Addr: addr.Unmap()}, true
}

// ParseKey returns the key with this path, relative to root and layout. It is for code that reads keys it did not make (etcdctl
// dumps, tests). It checks nothing: use ParseID, ParseDesired and the like for that.
func ParseKey(path string) Key { return Key{path} }

// Election is the prefix of the keys of one election's candidates.
func Election(name string) Prefix { return Prefix{"election/" + name + "/"} }
