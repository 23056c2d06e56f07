package bridgefilter

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"

	"weft/hostnet/object"
)

// memberSet is one of the eight sets with the members of a group. Single addresses are in a set of their own, because the kernel finds and changes
// them in constant time, and ranges not.
type memberSet struct {
	group  uint32
	router bool // the members that all networks of a router see, else those of one network
	ipv6   bool
	blocks bool
}

const memberPrefix = "members-"

func memberSets(group uint32) (all []memberSet) {
	for i := range 8 {
		all = append(all, memberSet{group, i&1 != 0, i&2 != 0, i&4 != 0})
	}
	return all
}

// name is "members-g0000002a-bridge4", or with "router", "6", and "-blocks".
func (s memberSet) name() string {
	name := memberPrefix + object.GroupName(s.group) + "-bridge"
	if s.router {
		name = memberPrefix + object.GroupName(s.group) + "-router"
	}
	family := "4"
	if s.ipv6 {
		family = "6"
	}
	if s.blocks {
		family += "-blocks"
	}
	return name + family
}

// match is the key by which a packet is looked up: the network or its router, and the other side.
func (s memberSet) match(ingress bool) string {
	if s.router {
		return "ct mark . " + remoteText(s.ipv6, ingress)
	}
	return "meta ibrname . " + remoteText(s.ipv6, ingress)
}

// create is the command that makes the set, if it is not there.
func (s memberSet) create() string {
	flags := ""
	if s.blocks {
		flags = " flags interval;"
	}
	return fmt.Sprintf("add set bridge %s %s { typeof %s;%s }\n", tableName, s.name(), s.match(true), flags)
}

// memberScope is where members of a group are seen: on the network of a bridge, or on the networks of a router.
type memberScope struct {
	group  uint32
	bridge string
	router uint32
}

func scopeOf(m *object.FilterMembers) memberScope { return memberScope{m.Group, m.Bridge, m.Router} }

// set is the set that a member is in.
func (s memberScope) set(member netip.Prefix) memberSet {
	return memberSet{s.group, s.bridge == "", member.Addr().Is6(), !member.IsSingleIP()}
}

const markSize = 4

// element is a member in its set. Its comment lists the shards that have the member.
func (s memberScope) element(member netip.Prefix, shards []uint16) (nftables.SetElement, error) {
	if !member.IsValid() || member != member.Masked() || member.Addr().Is4In6() {
		return nftables.SetElement{}, fmt.Errorf("member %s of group %s: expected an address or block in canonical form", member, object.GroupName(s.group))
	}
	key := binary.NativeEndian.AppendUint32(nil, s.router)
	if s.bridge != "" {
		var err error
		if key, err = nameKey(s.bridge); err != nil {
			return nftables.SetElement{}, err
		}
	}
	e := nftables.SetElement{Key: append(slices.Clone(key), member.Addr().AsSlice()...), Comment: shardText(shards)}
	if !member.IsSingleIP() {
		e.KeyEnd = append(key, object.LastAddress(member).AsSlice()...)
	}
	return e, nil
}

// decodeMember reads an element of a set of members.
func (s memberSet) decodeMember(e nftables.SetElement) (scope memberScope, member netip.Prefix, ok bool) {
	scope.group = s.group
	size := nameSize
	if s.router {
		size = markSize
	}
	if len(e.Key) < size {
		return scope, member, false
	}
	if s.router {
		scope.router = binary.NativeEndian.Uint32(e.Key)
	} else {
		scope.bridge = nameOf(e.Key)
	}
	first, ok := netip.AddrFromSlice(e.Key[size:])
	if !ok || first.Is6() != s.ipv6 || (len(e.KeyEnd) == len(e.Key)) != s.blocks {
		return scope, member, false
	}
	if !s.blocks {
		return scope, netip.PrefixFrom(first, first.BitLen()), true
	}
	last, _ := netip.AddrFromSlice(e.KeyEnd[size:])
	member, ok = object.BlockOf(first, last)
	return scope, member, ok
}

// shardText and shardsOf are the comment of a member: the numbers of the shards that have it. There is more than one while an address is moved from
// one shard to another.
func shardText(shards []uint16) string {
	words := make([]string, len(shards))
	for i, n := range shards {
		words[i] = strconv.Itoa(int(n))
	}
	return strings.Join(words, " ")
}

func shardsOf(comment string) (shards []uint16) {
	for _, word := range strings.Fields(comment) {
		n, err := strconv.ParseUint(word, 10, 16)
		if err != nil {
			n = strayShard
		}
		shards = append(shards, uint16(n))
	}
	if len(shards) == 0 {
		return []uint16{strayShard}
	}
	slices.Sort(shards)
	return slices.Compact(shards)
}

// strayShard is the number of a shard that nobody desires. It has the elements that somebody else has added, so that they are removed.
const strayShard = 65535
