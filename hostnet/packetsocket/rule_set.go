package packetsocket

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/net/bpf"
)

// rulesMost bounds how many rules the kernel tries on a frame. With more rules the rules are widened.
const rulesMost = 64

// ruleSet is what all servers of a host want to receive, each rule once.
type ruleSet struct{ fine, wide ruleCounts }

// ruleCounts holds rules by their instructions, with the number of their users.
type ruleCounts map[string]*ruleCount

type ruleCount struct {
	rule  Rule
	users int
}

func newRuleSet() ruleSet { return ruleSet{ruleCounts{}, ruleCounts{}} }

// add adds the filter's rules and says whether list changed. kept is the filter in memory that all who want the same rules share.
func (s ruleSet) add(f Filter) (kept Filter, changed bool) {
	before := len(s.fine)
	fine, wide := false, false
	kept.Rules = make([]Rule, len(f.Rules))
	for i, r := range f.Rules {
		known, first := s.fine.add(r)
		kept.Rules[i], fine = known, fine || first
		_, first = s.wide.add(r.widened())
		wide = wide || first
	}
	return kept, wide || fine && before <= rulesMost
}

// remove removes the rules of a filter that was added, and says whether list changed.
func (s ruleSet) remove(f Filter) (changed bool) {
	fine, wide := false, false
	for _, r := range f.Rules {
		fine = s.fine.remove(r) || fine
		wide = s.wide.remove(r.widened()) || wide
	}
	return wide || fine && len(s.fine) <= rulesMost
}

// list is a list of rules that pass everything wanted, always in the same order. It has at most rulesMost rules unless there are
// more kinds of rules.
func (s ruleSet) list() []Rule {
	from := s.fine
	if len(from) > rulesMost {
		from = s.wide
	}
	list := make([]Rule, 0, len(from))
	for _, k := range slices.Sorted(maps.Keys(from)) {
		list = append(list, from[k].rule)
	}
	return list
}

func (c ruleCounts) add(r Rule) (known Rule, first bool) {
	k := r.key()
	if old, ok := c[k]; ok {
		old.users++
		return old.rule, false
	}
	c[k] = &ruleCount{r, 1}
	return r, true
}

func (c ruleCounts) remove(r Rule) (last bool) {
	k := r.key()
	known, ok := c[k]
	if !ok {
		return false
	}
	if known.users--; known.users > 0 {
		return false
	}
	delete(c, k)
	return true
}

// key is equal for equal rules. It is made for each rule of each port when weftd starts.
func (r Rule) key() string {
	raw, err := bpf.Assemble(r.compile(bpf.RetConstant{}, false))
	if err != nil { // the kernel will refuse it too
		return fmt.Sprintf("%#v", r)
	}
	key := make([]byte, 0, 8*len(raw))
	for _, i := range raw {
		key = binary.BigEndian.AppendUint16(key, i.Op)
		key = append(key, i.Jt, i.Jf)
		key = binary.BigEndian.AppendUint32(key, i.K)
	}
	return string(key)
}

// widened is the rule without the tests that only spare the server frames it would ignore.
func (r Rule) widened() Rule {
	if !slices.ContainsFunc(r, func(t Test) bool { return t.narrow }) {
		return r
	}
	return slices.DeleteFunc(slices.Clone(r), func(t Test) bool { return t.narrow })
}
