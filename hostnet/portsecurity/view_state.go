package portsecurity

import (
	"maps"

	"github.com/google/nftables"

	"weft/hostnet/object"
)

// view is what the driver knows of the tables.
type view struct {
	exists bool
	rules  string // what is wrong with the rules; empty if nothing is
	// members by the name in their comments. Elements without a comment of ours are under "".
	members map[string]map[object.PortSecurityElement]bool
	// uplinks are the devices that have a chain, with what is wrong with it.
	uplinks map[string]string
	// own are the elements of set macs by device, with their counters if they have any.
	own map[string]nftables.SetElement
}

func (v *view) list(name string) []object.PortSecurityElement {
	out := make([]object.PortSecurityElement, 0, len(v.members[name]))
	for m := range v.members[name] {
		out = append(out, m)
	}
	return out
}

func (v *view) set(name string, m object.PortSecurityElement, present bool) {
	if v.members == nil {
		v.members = map[string]map[object.PortSecurityElement]bool{}
	}
	if present {
		if v.members[name] == nil {
			v.members[name] = map[object.PortSecurityElement]bool{}
		}
		v.members[name][m] = true
		return
	}
	delete(v.members[name], m)
	if len(v.members[name]) == 0 {
		delete(v.members, name)
	}
}

// changed lists the keys that differ between two views.
func (v *view) changed(fresh view) []object.Key {
	var keys []object.Key
	if v.exists != fresh.exists || v.rules != fresh.rules {
		keys = append(keys, (&object.PortSecurity{}).Key())
	}
	for device, rules := range v.uplinks {
		if now, there := fresh.uplinks[device]; !there || now != rules {
			keys = append(keys, object.Key{Kind: object.KindPortSecurityUplink, Name: device})
		}
	}
	for device := range fresh.uplinks {
		if _, known := v.uplinks[device]; !known {
			keys = append(keys, object.Key{Kind: object.KindPortSecurityUplink, Name: device})
		}
	}
	add := func(name string) {
		keys = append(keys, object.Key{Kind: object.KindPortSecurityElements, Name: name})
	}
	for name, members := range v.members {
		if !maps.Equal(members, fresh.members[name]) {
			add(name)
		}
	}
	for name := range fresh.members {
		if _, known := v.members[name]; !known {
			add(name)
		}
	}
	return keys
}
