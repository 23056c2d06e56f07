package kind

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// Hosts recognise a frame of a guest that is on another host by the prefix of its MAC. They know the prefix with which the controllers
// choose MACs, and the default one. Therefore the ports of a network that isolates its guests have no other MACs. A list of all guests
// would be late for each new one.

// keepRecognisable refuses a MAC by which other hosts would not recognise the guest of a network that isolates its guests.
func keepRecognisable(a *claim.Allocation, network *model.NetworkSpec) {
	if network.IsolateGuests && !a.Result.MAC.IsZero() && !recognisable(a, a.Result.MAC) {
		a.Invalid("spec.mac", fmt.Sprintf("%s does not begin with %s: the network isolates its guests, and hosts recognise them by that; "+
			"name another MAC, or delete the port and let the controllers choose one", a.Result.MAC, prefixes(a)))
	}
}

// isolateRecognisable refuses to isolate the guests of a network while one has a MAC that other hosts would not recognise.
func isolateRecognisable(a *claim.Allocation, s *model.NetworkSpec) {
	if !s.IsolateGuests || a.Previous == nil || a.Previous.UID != a.UID || a.Previous.Object.Spec.(*model.NetworkSpec).IsolateGuests {
		return
	}
	for _, id := range slices.SortedFunc(maps.Keys(a.Users(a.ID)), model.ID.Compare) {
		if id.Kind != model.KindPort {
			continue
		}
		for _, mac := range macsOf(a.Accepted(id)) {
			if !recognisable(a, mac) {
				a.Invalid("spec.isolateGuests", fmt.Sprintf("%s has MAC %s, which does not begin with %s: hosts could not recognise its frames as a guest's; "+
					"change that one first", id, mac, prefixes(a)))
				return
			}
		}
	}
}

func recognisable(a *claim.Allocation, mac model.MAC) bool {
	prefix := [3]byte(mac[:3])
	return prefix == a.Claimer.Settings.MACPrefix || prefix == claim.DefaultMACPrefix()
}

// prefixes names the prefixes that hosts know.
func prefixes(a *claim.Allocation) string {
	text := prefixText(claim.DefaultMACPrefix())
	if own := a.Claimer.Settings.MACPrefix; own != claim.DefaultMACPrefix() {
		text = prefixText(own) + " or " + text
	}
	return text
}

func prefixText(p [3]byte) string { return fmt.Sprintf("%02x:%02x:%02x", p[0], p[1], p[2]) }

// routersToIsolated are the MACs of Weft's routers that may send to the guests of a network that isolates them. It is nil for other
// networks. Hosts with a router MAC that have no router of the network are in the list too: only routers have these MACs.
func routersToIsolated(s *cache.Reader, network *etcdschema.Accepted) []model.MAC {
	spec := network.Object.Spec.(*model.NetworkSpec)
	if !spec.IsolateGuests {
		return nil
	}
	set := map[model.MAC]struct{}{}
	router := routerOf(s, network.UID)
	if router != nil && isCentral(router) {
		addMAC(set, router.Allocated.MAC.String())
	}
	if router != nil || spec.External != nil {
		for mac := range s.Members(hostMACs, "") {
			addMAC(set, mac)
		}
	}
	if spec.External != nil {
		of := centralPrefix(network.Object.ID())
		for member := range s.Members(centralMACs, "") {
			if mac, ours := strings.CutPrefix(member, of); ours {
				addMAC(set, mac)
			}
		}
	}
	return slices.SortedFunc(maps.Keys(set), func(x, y model.MAC) int { return slices.Compare(x[:], y[:]) })
}

func addMAC(set map[model.MAC]struct{}, text string) {
	if mac, err := model.ParseMAC(text); err == nil && !mac.IsZero() {
		set[mac] = struct{}{}
	}
}

// centralMember is the member of centralMACs for a centralized router.
func centralMember(external model.ID, mac model.MAC) string {
	return centralPrefix(external) + mac.String()
}

func centralPrefix(external model.ID) string { return external.String() + " " }
