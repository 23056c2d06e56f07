package kind

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// A management network carries controllers, etcd and hosts. No network is on it. Guests do not reach its prefixes on any other way either:
// each host drops what they send there, and routers drop it too. So no network may use these prefixes itself: its guests could not
// reach each other.

// managementCIDRs has the prefixes of all management networks. A member is the prefix and the physical network.
const managementCIDRs cache.Source = "management-cidr"

// physicalNetworkKind: a physical network is on no node by itself. Hosts and networks read it.
func physicalNetworkKind() ObjectKind {
	return ObjectKind{
		Cache: cache.ObjectKind{KindInfo: model.PhysicalNetworkKind(), Groups: physicalNetworkGroups},
		Claim: claim.ObjectKind{Claims: func(a *claim.Allocation) { keepUnmanaged(a, a.Object().Spec.(*model.PhysicalNetworkSpec)) }},
	}
}

func physicalNetworkGroups(acc *etcdschema.Accepted, in func(of cache.Source, member string)) {
	for _, p := range acc.Object.Spec.(*model.PhysicalNetworkSpec).CIDRs {
		in(managementCIDRs, p.String()+" "+acc.Object.Metadata.Name)
	}
}

// managedPrefix is a prefix of a management network.
type managedPrefix struct {
	netip.Prefix
	network string
}

// managed are the prefixes of all management networks, in order: a prefix comes before those that it contains.
func managed(s *cache.Reader) (all []managedPrefix) {
	for member := range s.Members(managementCIDRs, "") {
		text, network, _ := strings.Cut(member, " ")
		if p, err := netip.ParsePrefix(text); err == nil {
			all = append(all, managedPrefix{p, network})
		}
	}
	slices.SortFunc(all, func(a, b managedPrefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()), cmp.Compare(a.network, b.network))
	})
	return all
}

// managedBy names the management network that the prefix overlaps; empty for none.
func managedBy(all []managedPrefix, p netip.Prefix) string {
	for _, m := range all {
		if p.IsValid() && m.Overlaps(p) {
			return fmt.Sprintf("%s of PhysicalNetwork %s, which has role %s", m.Prefix, m.network, model.NetworkRoleManagement)
		}
	}
	return ""
}

// keepUnmanaged refuses the role management while a network is on the physical network, and prefixes that a network uses.
func keepUnmanaged(a *claim.Allocation, s *model.PhysicalNetworkSpec) {
	if !s.IsManagement() {
		return
	}
	for _, id := range slices.SortedFunc(maps.Keys(a.Users(a.ID)), model.ID.Compare) {
		if id.Kind == model.KindNetwork {
			a.Invalid("spec.role", fmt.Sprintf("%s is on the physical network, and none can be on one with role %s: delete that one first, or move it",
				id, model.NetworkRoleManagement))
			return
		}
	}
	if a.Previous != nil && slices.Equal(a.Previous.Object.Spec.(*model.PhysicalNetworkSpec).CIDRs, s.CIDRs) {
		return
	}
	others := 0
	for _, m := range managed(a.Reader) {
		if m.network != a.ID.Name {
			others++
		}
	}
	if others+len(s.CIDRs) > model.MaxManagementPrefixes {
		a.Invalid("spec.cidrs", fmt.Sprintf("%d prefixes of all management networks are too many: hosts take %d; join some", others+len(s.CIDRs),
			model.MaxManagementPrefixes))
		return
	}
	refuseUsedPrefixes(a, s)
}

// refuseUsedPrefixes refuses a prefix that a network or an allowed address pair uses already. It looks at all accepted objects, because
// this is seldom, and records only the one that is in the way.
func refuseUsedPrefixes(a *claim.Allocation, s *model.PhysicalNetworkSpec) {
	wanted := make([]managedPrefix, len(s.CIDRs))
	for i, p := range s.CIDRs {
		wanted[i] = managedPrefix{p.Prefix, a.ID.Name}
	}
	var first model.ID
	var field string
	for id, acc := range a.Cache.AllAccepted() {
		if first != (model.ID{}) && first.Compare(id) < 0 {
			continue // the same object at each evaluation
		}
		for _, used := range model.GuestPrefixes(acc.Object.Spec) {
			if managedBy(wanted, used.Prefix) != "" {
				first, field = id, fmt.Sprintf("%s (%s)", used.Field, used.Prefix)
				break
			}
		}
	}
	if first != (model.ID{}) {
		a.Whole(first)
		a.Invalid("spec.cidrs", fmt.Sprintf("%s uses addresses of them in %s, and guests are kept from all of them: change that one first, or give other prefixes",
			first, field))
	}
}

// refuseManaged refuses a network or a port that would use addresses of management networks.
func refuseManaged(a *claim.Allocation, s model.Spec) {
	used := model.GuestPrefixes(s)
	if len(used) == 0 {
		return
	}
	all := managed(a.Reader)
	for _, u := range used {
		if whose := managedBy(all, u.Prefix); whose != "" {
			a.Invalid(u.Field, fmt.Sprintf("%s overlaps %s: guests are kept from it; use other addresses", u.Prefix, whose))
		}
	}
}

// resolveManagement adds to the host's own item what its guests are kept from. Of prefixes that contain each other the largest remains.
func resolveManagement(s *cache.Reader, spec *model.HostSpec, h *desired.Host) {
	if _, lacks := s.Lacks(h.Name, desired.FeatureManagement); lacks {
		return
	}
	for _, p := range spec.PhysicalNetworks {
		if isManagement(s, p.Name) {
			h.ManagementInterfaces = append(h.ManagementInterfaces, p.Interface)
		}
	}
	slices.Sort(h.ManagementInterfaces)
	for _, m := range managed(s) {
		if n := len(h.ManagementCIDRs); n == 0 || !h.ManagementCIDRs[n-1].Overlaps(m.Prefix) {
			h.ManagementCIDRs = append(h.ManagementCIDRs, model.Prefix{Prefix: m.Prefix})
		}
	}
}

// unprotected says why guests on the host are not kept from management networks; empty when they are or when there are none.
func unprotected(s *cache.Reader, name string) string {
	if len(managed(s)) == 0 {
		return ""
	}
	if f, lacks := s.Lacks(name, desired.FeatureManagement); lacks {
		return fmt.Sprintf("guests on the host may reach management networks: needs feature %s, which the host does not have: upgrade weftd there", f)
	}
	return ""
}

func isManagement(s *cache.Reader, physical string) bool {
	a := s.Accepted(model.ID{Project: model.ClusterProject, Kind: model.KindPhysicalNetwork, Name: physical})
	return a != nil && a.Object.Spec.(*model.PhysicalNetworkSpec).IsManagement()
}
