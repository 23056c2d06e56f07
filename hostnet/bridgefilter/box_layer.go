package bridgefilter

import (
	"net/netip"

	"weft/hostnet/object"
)

// box is what a rule matches of a connection's first packet: protocols, ports, and addresses of the other side. Both ends are included.
type box struct {
	protocol [2]uint8
	port     [2]uint16
	remote   netip.Prefix
}

// boxOf is the box of a rule. What the rule leaves out is everything.
func boxOf(r object.FilterRule) box {
	b := box{protocol: [2]uint8{r.Protocol, r.Protocol}, port: [2]uint16{r.First, r.Last}, remote: r.Remote}
	if r.Protocol == 0 {
		b.protocol[1] = 255
	}
	if !r.Ports {
		b.port[1] = 65535
	}
	if !b.remote.IsValid() {
		b.remote = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if r.IPv6 {
			b.remote = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
	}
	return b
}

// meets says that a packet may be in both boxes.
func (b box) meets(o box) bool {
	return b.protocol[0] <= o.protocol[1] && o.protocol[0] <= b.protocol[1] && b.port[0] <= o.port[1] && o.port[0] <= b.port[1] &&
		b.remote.Overlaps(o.remote)
}

// within says that every packet of the box is in the other one.
func (b box) within(o box) bool {
	return o.protocol[0] <= b.protocol[0] && b.protocol[1] <= o.protocol[1] && o.port[0] <= b.port[0] && b.port[1] <= o.port[1] &&
		o.remote.Bits() <= b.remote.Bits() && o.remote.Contains(b.remote.Addr())
}

// layers divides boxes so that no two of a layer meet, because a set of the kernel takes no ranges that do (nft_pipapo_insert in
// net/netfilter/nft_set_pipapo.c). A packet is looked up once for each layer. Most groups need one. A box within another one is left out.
func layers(boxes []box) (all [][]box) {
next:
	for i, b := range boxes {
		for j, o := range boxes {
			if b.within(o) && (j < i || !o.within(b)) && j != i {
				continue next
			}
		}
		for n := range all {
			if !meetsAny(b, all[n]) {
				all[n] = append(all[n], b)
				continue next
			}
		}
		all = append(all, []box{b})
	}
	return all
}

func meetsAny(b box, list []box) bool {
	for _, o := range list {
		if b.meets(o) {
			return true
		}
	}
	return false
}
