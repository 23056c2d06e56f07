package bridgefilter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"weft/hostnet/object"
)

// loadGroups replaces the chains of groups in one transaction, and makes the sets of members that their rules look into.
func (d *Driver) loadGroups(ctx context.Context, changes []object.Change) error {
	var sets, chains, rules, drops strings.Builder
	touched := map[string]bool{}
	for _, c := range changes {
		g := c.Desired.(*object.FilterGroup)
		for _, remote := range append(remotesOf(g.Rules, false), remotesOf(g.Rules, true)...) {
			if !d.cache.sets[remote] {
				sets.WriteString(createSets(remote))
			}
		}
		texts := chainsOf(g)
		stay := map[string]bool{}
		for _, t := range texts {
			stay[t.name] = true
			fmt.Fprintf(&chains, "add chain bridge %s %s\n", tableName, t.name)
		}
		rules.WriteString(ruleLines(g, texts))
		for chain := range d.cache.groups[g.Number].chains {
			touched[chain] = true
			if !stay[chain] {
				fmt.Fprintf(&drops, "delete chain bridge %s %s\n", tableName, chain)
			}
		}
		for chain := range stay {
			touched[chain] = true
		}
	}
	text := sets.String() + chains.String() + flushChains(slices.Sorted(maps.Keys(touched))) + rules.String() + drops.String()
	if err := d.program.Load(ctx, text); err != nil {
		return fmt.Errorf("load rules into table bridge weft_filter: %w", err)
	}
	for chain := range touched {
		delete(d.handles, chain)
	}
	for _, c := range changes {
		d.cache.loaded(c.Desired.(*object.FilterGroup))
	}
	return nil
}

// createSets are the commands that make the sets of a group's members.
func createSets(number uint32) string {
	var b strings.Builder
	for _, s := range memberSets(number) {
		b.WriteString(s.create())
	}
	return b.String()
}

// ruleLines are the commands that fill a group's chains.
func ruleLines(g *object.FilterGroup, texts []chainText) string {
	all, n := 0, 0
	for _, t := range texts {
		all += len(t.rules)
	}
	var b strings.Builder
	for _, t := range texts {
		for _, rule := range t.rules {
			fmt.Fprintf(&b, "add rule bridge %s %s %s comment %q\n", tableName, t.name, rule, groupComment(g.Version, n, all))
			n++
		}
	}
	return b.String()
}

// loaded records a group that the kernel has accepted.
func (c *cache) loaded(g *object.FilterGroup) {
	now := group{version: g.Version, chains: map[string]bool{}, remotes: map[uint32]bool{}}
	for _, t := range chainsOf(g) {
		now.chains[t.name] = true
		if _, remote, _ := groupOf(t.name); remote != 0 {
			now.remotes[remote], c.sets[remote] = true, true
		}
	}
	c.groups[g.Number] = now
}

// removeGroups removes the chains of groups that no port has any more.
func (d *Driver) removeGroups(_ context.Context, changes []object.Change) error {
	var chains []string
	var numbers []uint32
	for _, c := range changes {
		number, _ := groupNumber(c.Key().Name)
		numbers = append(numbers, number)
		chains = append(chains, slices.Sorted(maps.Keys(d.cache.groups[number].chains))...)
	}
	if len(chains) > 0 {
		if err := d.dropChains(chains); err != nil {
			return err
		}
	}
	for _, number := range numbers {
		delete(d.cache.groups, number)
	}
	return nil
}

// dropUnusedSets removes the sets of groups that no rule names and that have no members. A set that cannot be removed does no harm, and the next
// change tries again.
func (d *Driver) dropUnusedSets() {
	used := map[uint32]bool{}
	for _, g := range d.cache.groups {
		maps.Copy(used, g.remotes)
	}
	for scope := range d.cache.owners {
		used[scope.group] = true
	}
	for number := range d.cache.sets {
		if used[number] {
			continue
		}
		for _, s := range memberSets(number) {
			d.conn.DelSet(d.handle(s.name()))
		}
		if err := d.conn.Flush(); err != nil {
			d.config.Logger.Debug("cannot delete the sets of a security group that no rule names", "group", object.GroupName(number), "error", err)
			continue
		}
		delete(d.cache.sets, number)
	}
}
