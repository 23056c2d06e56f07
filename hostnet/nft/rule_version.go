package nft

import (
	"fmt"
	"sync"

	"weft/hostnet/object"
)

// ruleKey is everything that the rules of a table depend on.
type ruleKey struct {
	role   object.NATRole
	limits object.NATLimits
}

// versions keeps the version of each rule set that was asked for.
type versions struct {
	mu    sync.Mutex
	known map[ruleKey]string
}

// of is the version of the rules. It is "" for a role or limits without rules.
func (v *versions) of(k ruleKey) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	version, ok := v.known[k]
	if !ok {
		rules, err := ruleSetOf(k)
		if err == nil {
			version, err = rules.version()
		}
		if err != nil {
			return ""
		}
		if v.known == nil {
			v.known = map[ruleKey]string{}
		}
		v.known[k] = version
	}
	return version
}

// checkLimits refuses limits that would let nothing in, or that cannot be counted.
func checkLimits(l object.NATLimits) error {
	const most = 1 << 30
	if min(l.Connections, l.PerDestination, l.PerSecond) < 1 || max(l.Connections, l.PerDestination, l.PerSecond) > most {
		return fmt.Errorf("limits %s: expected numbers from 1 to %d", l, most)
	}
	return nil
}
