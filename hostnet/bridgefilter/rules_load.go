package bridgefilter

import (
	"context"
	_ "embed" // the rules are a file of their own
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

//go:embed rules.nft
var rulesFile string

// ruleset is the file with the prefix of our bridges' names filled in.
func ruleset() string { return strings.ReplaceAll(rulesFile, "$bridge_prefix", object.BridgePrefix) }

// ruleText is the ruleset with a comment on each rule: the version of the whole set and the rule's number in it.
type ruleText struct {
	// make declares the table, its sets and chains. It changes nothing that is there.
	make string
	// fill adds the rules to empty chains.
	fill string
	// chains holds the comments of each chain's rules in order.
	chains map[string][]string
}

// newRuleText numbers the rules of a ruleset.
func newRuleText(rules string) ruleText {
	lines, chains := own.NumberRules(rules)
	var declare, fill strings.Builder
	for _, l := range lines {
		if l.Comment == "" {
			declare.WriteString(l.Text)
		} else {
			fmt.Fprintf(&fill, "add rule bridge %s %s %s comment %q\n", tableName, l.Chain, strings.TrimSpace(l.Text), l.Comment)
		}
	}
	return ruleText{make: declare.String(), fill: fill.String(), chains: chains}
}

// flushChains empties chains.
func flushChains(names []string) string {
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "flush chain bridge %s %s\n", tableName, name)
	}
	return b.String()
}

// load loads the rules in one transaction that keeps everything else. If somebody has deleted the table, the same transaction makes the devices known
// that were filtered: they are mute until their chains are there.
func (d *Driver) load(ctx context.Context) error {
	text := d.text.make + flushChains(slices.Sorted(maps.Keys(d.text.chains))) + d.text.fill
	for _, device := range slices.Sorted(maps.Keys(d.guests)) {
		if !strings.ContainsFunc(device, unusual) { // nft has no words for the others
			text += fmt.Sprintf("add element bridge %s %s { %q }\n", tableName, setFiltered, device)
		}
	}
	err := d.program.Load(ctx, text)
	if err == nil {
		d.lacks.set("")
		return nil
	}
	err = fmt.Errorf("load the rules of table bridge weft_filter: %w: security groups need nftables and a kernel with connection tracking in "+
		"bridges (module nf_conntrack_bridge, CONFIG_NF_CONNTRACK_BRIDGE, Linux 5.3)", err)
	if ctx.Err() == nil {
		d.lacks.set(err.Error())
	}
	return fmt.Errorf("bridge filter: %w", err)
}

// applyTable loads the rules, or removes the table.
func (d *Driver) applyTable(ctx context.Context, c object.Change) error {
	if c.Op == object.Delete {
		d.conn.DelTable(d.table)
		if err := d.conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("bridge filter: delete table bridge weft_filter: %w", err)
		}
	} else if err := errors.Join(d.load(ctx), d.dropChains(d.cache.strange)); err != nil {
		return err
	}
	for chain := range d.text.chains {
		delete(d.handles, chain)
	}
	if _, err := d.refresh(ctx); err != nil {
		return fmt.Errorf("bridge filter: read back: %w", err)
	}
	if c.Op != object.Delete && d.cache.rules != "" {
		return fmt.Errorf("bridge filter: the rules were loaded and are not right: %s", d.cache.rules)
	}
	return nil
}

// dropChains removes chains, whatever they hold.
func (d *Driver) dropChains(names []string) error {
	for _, name := range names {
		d.conn.FlushChain(&nftables.Chain{Table: d.table, Name: name})
	}
	for _, name := range names {
		d.conn.DelChain(&nftables.Chain{Table: d.table, Name: name})
		delete(d.handles, name)
	}
	if err := d.conn.Flush(); err != nil {
		return fmt.Errorf("delete chains %s of table bridge weft_filter: %w", strings.Join(names, ", "), err)
	}
	return nil
}
