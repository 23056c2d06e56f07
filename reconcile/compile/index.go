package compile

import (
	"weft/hostnet/object"
	"weft/model/desired"
)

// NewIndex is the function of this name for a host that knows these kinds.
func (list Kinds) NewIndex(config *desired.NodeConfig, facts *object.Facts) *Index {
	x := &Index{
		kinds:  list,
		groups: map[Read]map[string]struct{}{}, items: map[desired.Key][]Read{}, devices: map[string][]Read{}, transits: map[string]uint32{},
		zones:    map[string]uint32{},
		facts:    object.Facts{Links: map[string]object.LinkFacts{}, Interfaces: map[string]object.InterfaceFacts{}},
		recorded: newRecorded(),
	}
	changed := readSet{}
	for k := range config.All() {
		x.refile(config, k, changed)
	}
	for i := range x.kinds {
		x.filed(&x.kinds[i], config, changed)
	}
	if facts != nil {
		x.observe(facts, deviceNames(facts), changed)
	}
	return x
}

// Update takes over one item as the node config has it now (absent: gone). It returns, sorted, every key that must be compiled again
// because of it, its own included. The node config must already have the change.
func (x *Index) Update(config *desired.NodeConfig, key desired.Key) []desired.Key {
	changed := readSet{}
	x.refile(config, key, changed)
	if k, ok := x.kinds.find(key.Kind); ok {
		x.filed(k, config, changed)
	}
	dirty := x.concerned(changed)
	dirty[key] = struct{}{}
	return dirty.sorted()
}

// Observe takes over the facts and returns, sorted, the keys that must be compiled again. If devices are named, only these are
// compared, and the cost does not depend on the rest. With nil all facts are compared with those seen last.
func (x *Index) Observe(facts *object.Facts, devices []string) []desired.Key {
	changed := readSet{}
	if devices == nil {
		devices = deviceNames(facts, &x.facts)
	}
	x.observe(facts, devices, changed)
	return x.concerned(changed).sorted()
}

// refile takes over an item as the node config has it now.
func (x *Index) refile(config *desired.NodeConfig, key desired.Key, changed readSet) {
	k, ok := x.kinds.find(key.Kind)
	if !ok {
		return
	}
	changed[k.read(key.UID)] = struct{}{}
	var now []Read
	if k.Shares != nil {
		now = k.Shares(config, key.UID)
	}
	x.share(key.UID, x.items[key], now, changed)
	if x.items[key] = now; len(now) == 0 {
		delete(x.items, key)
	}
}

// filed updates what a kind keeps of all its items together.
func (x *Index) filed(k *Kind, config *desired.NodeConfig, changed readSet) {
	if k.filed != nil {
		k.filed(x, config, changed)
	}
}
