package compile

import (
	"slices"

	"weft/model/desired"
)

// declaredHost is the host as it is declared, with uplinks by the names that the kernel gives first: an operator may write an
// alternative one (ip link property), as today's distributions do, and OVS and netlink's messages know the first alone.
func (c compiler) declaredHost() *desired.Host {
	h := c.read.Host()
	if h == nil {
		return nil
	}
	var resolved *desired.Host
	for i, up := range h.Uplinks {
		device, alternative := c.read.AltName(up.Interface)
		if _, first := c.read.Link(up.Interface); first || !alternative {
			continue
		}
		if resolved == nil {
			other := *h
			other.Uplinks = slices.Clone(h.Uplinks)
			resolved = &other
		}
		resolved.Uplinks[i].Interface = device
	}
	if resolved != nil {
		return resolved
	}
	return h
}

// otherName tells of a guest's device that is there by another name; empty when it is not. It is not taken: who makes a
// guest's device gives it the port's name.
func (c compiler) otherName(device string) string {
	if first, alternative := c.read.AltName(device); alternative && device != "" {
		return ": it is an alternative name of " + first + " here, which is not taken; name that one in spec.device"
	}
	return ""
}
