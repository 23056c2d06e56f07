package nft

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// counterManagement: the packet is from or to a management network.
const counterManagement = "management"

// intervalEnd is the value of an element that ends an interval: its key is the first address behind it. The kernel has a flag for this.
const intervalEnd = "end"

// isInterval says that the elements of the set are the ends of intervals.
func isInterval(set string) bool { return set == "management4" || set == "management6" }

// managementSources drop what is from or to a management network before connection tracking sees it, whatever connection it belongs to.
func managementSources() (all []rule) {
	for _, f := range families() {
		all = append(all,
			rule{chainSource.name, f.name + ": to a management network: drop", join(f.is(), f.toManagement(), drop(counterManagement))},
			rule{chainSource.name, f.name + ": from a management network: drop",
				join(f.is(), f.load(f.source), inSet(f.managementSet, true), drop(counterManagement))})
	}
	return all
}

// managementForward drops what a translation would lead to a management network.
func managementForward() (all []rule) {
	for _, f := range families() {
		all = append(all, rule{"forward", f.name + ": translated to a management network: drop", join(f.is(), f.toManagement(), drop(counterManagement))})
	}
	return all
}

func (f family) toManagement() []expr.Any {
	return join(f.load(f.destination), inSet(f.managementSet, true))
}

// managementElements are the two ends of a prefix. The prefix must not reach the last address of its family.
func managementElements(p netip.Prefix) [2]element {
	set := setsOf(p.Addr()).managementSet
	return [2]element{{set: set, key: addressBytes(p.Masked().Addr())}, {set, addressBytes(object.LastAddress(p).Next()), intervalEnd}}
}

// managementOf reads the prefixes out of the ends, in order. It is false when the ends do not belong together, or are those of no prefix.
func managementOf(ends []element) (all []netip.Prefix, ok bool) {
	slices.SortFunc(ends, byInterval)
	for len(ends) >= 2 {
		first, behind := readAddress(ends[0].key), readAddress(ends[1].key)
		if ends[0].set != ends[1].set || ends[0].value != "" || ends[1].value != intervalEnd || !first.IsValid() || !behind.IsValid() {
			return nil, false
		}
		p, is := object.BlockOf(first, behind.Prev())
		if !is {
			return nil, false
		}
		all, ends = append(all, p), ends[2:]
	}
	return all, len(ends) == 0
}

// byInterval orders the elements of interval sets: by address, and an interval ends before the next one begins. The kernel takes a new end
// only behind its beginning.
func byInterval(a, b element) int {
	return cmp.Or(cmp.Compare(a.set, b.set), cmp.Compare(a.key, b.key), cmp.Compare(b.value, a.value))
}

// managementFault says why the kernel cannot hold the prefixes; empty when it can.
func managementFault(list []netip.Prefix) string {
	for i, p := range list {
		if !p.IsValid() || p.Addr().Is4In6() || p != p.Masked() || !object.LastAddress(p).Next().IsValid() {
			return "prefix " + p.String() + " is not in canonical form, or reaches the end of its family"
		}
		if slices.ContainsFunc(list[:i], p.Overlaps) {
			return "prefix " + p.String() + " overlaps another one"
		}
	}
	return ""
}

// intervalFlags are the flags of an element of an interval set.
func intervalFlags(e *element) (uint32, bool) {
	return unix.NFT_SET_ELEM_INTERVAL_END, isInterval(e.set) && e.value == intervalEnd
}
