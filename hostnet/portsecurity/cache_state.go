package portsecurity

import (
	"maps"

	"github.com/google/nftables"

	"weft/hostnet/object"
)

// cache is what the driver knows of the tables.
type cache struct {
	exists bool
	rules  string // what is wrong with the rules; empty if nothing is
	// elements by the name in their comments. Elements without a comment of ours are under "".
	elements map[string]map[object.PortSecurityElement]bool
	// uplinks are the devices that have a chain, with what is wrong with it.
	uplinks map[string]string
	// own are the elements of set macs by device, with their counters if they have any.
	own map[string]nftables.SetElement
}

func (v *cache) list(name string) []object.PortSecurityElement {
	out := make([]object.PortSecurityElement, 0, len(v.elements[name]))
	for m := range v.elements[name] {
		out = append(out, m)
	}
	return out
}

func (v *cache) set(name string, m object.PortSecurityElement, present bool) {
	if v.elements == nil {
		v.elements = map[string]map[object.PortSecurityElement]bool{}
	}
	if present {
		if v.elements[name] == nil {
			v.elements[name] = map[object.PortSecurityElement]bool{}
		}
		v.elements[name][m] = true
		return
	}
	delete(v.elements[name], m)
	if len(v.elements[name]) == 0 {
		delete(v.elements, name)
	}
}

// changed lists the keys that differ between two caches.
func (v *cache) changed(fresh cache) []object.Key {
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
	for name, elements := range v.elements {
		if !maps.Equal(elements, fresh.elements[name]) {
			add(name)
		}
	}
	for name := range fresh.elements {
		if _, known := v.elements[name]; !known {
			add(name)
		}
	}
	return keys
}
