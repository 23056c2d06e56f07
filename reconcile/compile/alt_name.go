package compile

import (
	"slices"

	"weft/model/desired"
)

// declaredHost is the host as it is declared, with the primary names of its uplinks. An operator may declare an alternative name
// (ip link property), as today's distributions use them. OVS and netlink messages only know the primary name.
func (c Compiler) declaredHost() *desired.Host {
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

// OtherName explains that a guest's device exists under another name; empty when it does not. Such a device is not used, because
// whoever makes a guest's device gives it the port's name.
func (c Compiler) OtherName(device string) string {
	if first, alternative := c.read.AltName(device); alternative && device != "" {
		return ": it is an alternative name of " + first + " here, which is not taken; name that one in spec.device"
	}
	return ""
}
