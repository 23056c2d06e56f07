package control

import (
	"maps"
	"reflect"
	"slices"
)

// maxDistrusted bounds the nodes that the controllers' status names.
const maxDistrusted = 100

// distrust returns, by node, what the nodes report that is refused or not believed.
func (l *loop) distrust() map[string][]string {
	all := map[string][]string{}
	if l.protection.Held() == nil {
		for name, why := range l.protection.Unbelieved() {
			all[name] = append(all[name], why)
		}
	}
	for name, r := range l.planner.Refused.Nodes {
		all[name] = append(all[name], r.String())
	}
	if len(all) <= maxDistrusted {
		return all
	}
	some := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(all))[:maxDistrusted] {
		some[name] = all[name]
	}
	return some
}

// watchNodes reports changes of the distrusted nodes to people. It is called with every tick, so that a node that writes without
// pause causes at most one write of the leader in a tick.
func (l *loop) watchNodes() {
	now := l.distrust()
	l.metrics.distrusted.Set(float64(len(now)))
	if reflect.DeepEqual(now, l.distrusted) {
		return
	}
	for name, why := range now {
		if !slices.Equal(l.distrusted[name], why) && l.lead != nil {
			l.log.Warn("a node's report is refused or not believed: check whether somebody else has its certificate", "node", name, "what", why)
		}
	}
	l.distrusted = now
	l.announce()
}
