package ovs

import (
	"regexp"
	"strconv"
	"sync"
	"time"

	"weft/hostnet/object"
)

// learnedAddresses watches how many link-local addresses the ports have used. Beyond the limit the switch drops what a guest
// sends from one more address, although nothing has failed. The addresses are counted with every Sync.
type learnedAddresses struct {
	mu   sync.Mutex
	seen map[string]map[uint64]int // by bridge and cookie of the learn action
}

func newLearnedAddresses() *learnedAddresses {
	return &learnedAddresses{seen: map[string]map[uint64]int{}}
}

func (l *learnedAddresses) look(bridge string, now map[uint64]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[bridge] = now
}

// warnings says that a guest has used up the addresses that its flows may learn.
func (l *learnedAddresses) warnings(set *object.FlowSet) []object.Warning {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range set.Flows {
		for _, a := range f.Actions {
			learn, ok := a.(object.LearnLinkLocal)
			if !ok || learn.Limit == 0 || l.seen[set.Bridge][learn.Cookie] < int(learn.Limit) {
				continue
			}
			idle := time.Duration(learn.IdleTimeout) * time.Second
			return []object.Warning{object.LinkLocalLimit(int(learn.Limit), idle, "until one has been idle for so long")}
		}
	}
	return nil
}

var flowCookie = regexp.MustCompile(`^\s*cookie=(0x[0-9a-f]+),`)

func parseLearned(text []byte) map[uint64]int {
	counts := map[uint64]int{}
	eachMatch(text, flowCookie, func(m []string) {
		if cookie, err := strconv.ParseUint(m[1], 0, 64); err == nil && cookie&object.CookieMask == object.CookieOwner {
			counts[cookie]++
		}
	})
	return counts
}
