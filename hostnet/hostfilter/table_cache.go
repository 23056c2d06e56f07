package hostfilter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

const (
	tableName = "weft"
	setName   = "silent"
	nameSize  = 16 // IFNAMSIZ
)

// tables are our tables, in the order of cache.devices.
var tables = [2]*nftables.Table{
	{Name: tableName, Family: nftables.TableFamilyINet},
	{Name: tableName, Family: nftables.TableFamilyARP},
}

// hook says where one of our chains is. The chains have the same names in both tables.
type hook struct {
	chain  string
	number uint32
}

// hooks of each table's chains (linux/netfilter.h, linux/netfilter_arp.h).
var hooks = [2][2]hook{
	{{"hear", unix.NF_INET_PRE_ROUTING}, {"say", unix.NF_INET_LOCAL_OUT}},
	{{"hear", 0}, {"say", 1}}, // NF_ARP_IN, NF_ARP_OUT
}

// cache is what is known of the tables.
type cache struct {
	exists  bool   // at least one table exists
	faults  string // what is wrong with them; empty if nothing is
	devices [2]map[string]bool
}

func (v *cache) silent(device string) bool {
	return v.devices[0][device] && v.devices[1][device]
}

// names are the devices in either table, sorted.
func (v *cache) names() []string {
	var names []string
	for _, set := range v.devices {
		for name := range set {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// changed lists the keys that differ between two caches.
func (v *cache) changed(fresh cache) (keys []object.Key) {
	if v.exists != fresh.exists || v.faults != fresh.faults {
		keys = append(keys, (&object.HostFilter{}).Key())
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(append(v.names(), fresh.names()...)))) {
		if v.devices[0][name] != fresh.devices[0][name] || v.devices[1][name] != fresh.devices[1][name] {
			keys = append(keys, (&object.SilentDevice{Device: name}).Key())
		}
	}
	return keys
}

// ruleID identifies an existing rule among all tables.
type ruleID struct {
	family nftables.TableFamily
	handle uint64
}

// read dumps both tables as they were at one moment. The caller holds the lock.
func (d *Driver) read(ctx context.Context) (v cache, err error) {
	err = d.conn.Consistent(ctx, "tables inet weft and arp weft", func() (err error) {
		v, err = d.dump(ctx)
		return err
	})
	return v, err
}

func (d *Driver) dump(ctx context.Context) (cache, error) {
	v := cache{devices: [2]map[string]bool{{}, {}}}
	handles := map[ruleID]bool{}
	fault := func(format string, args ...any) {
		if v.faults == "" {
			v.faults = fmt.Sprintf(format, args...)
		}
	}
	for i, t := range tables {
		there, err := d.conn.Table(t)
		if err != nil {
			return v, fmt.Errorf("read table %s: %w", title(t), err)
		}
		if there == nil {
			fault("table %s is missing", title(t))
			continue
		}
		v.exists = true
		if there.Flags != 0 {
			fault("table %s has flags %#x", title(t), there.Flags)
		}
		if err := d.readChains(ctx, t, hooks[i], handles, fault); err != nil {
			return v, fmt.Errorf("read the chains of table %s: %w", title(t), err)
		}
		if err := d.readSet(t, v.devices[i], fault); err != nil {
			return v, fmt.Errorf("read the set of table %s: %w", title(t), err)
		}
	}
	if v.faults == "" {
		d.handles = handles
	}
	return v, nil
}

func title(t *nftables.Table) string {
	return map[nftables.TableFamily]string{nftables.TableFamilyINet: "inet ", nftables.TableFamilyARP: "arp "}[t.Family] + t.Name
}

// readChains compares chains and rules with ours. The comments say which version a rule is. After the rules were right once,
// their handles show whether somebody replaced them.
func (d *Driver) readChains(ctx context.Context, t *nftables.Table, want [2]hook, handles map[ruleID]bool, fault func(string, ...any)) error {
	chains, err := d.conn.ListChainsOfTableFamily(t.Family)
	if err != nil {
		return err
	}
	rules, err := d.conn.Rules(ctx, t)
	if err != nil {
		return err
	}
	found := 0
	for _, c := range chains {
		if c.Table.Name != t.Name {
			continue
		}
		i := slices.IndexFunc(want[:], func(h hook) bool { return h.chain == c.Name })
		if i < 0 || !ours(c, want[i]) {
			fault("chain %s of table %s is not ours", c.Name, title(t))
			continue
		}
		found++
		d.judge(t, c.Name, rules, handles, fault)
	}
	if found != len(want) {
		fault("table %s has %d of our %d chains", title(t), found, len(want))
	}
	return nil
}

// priority is the priority of our chains: before connection tracking and the reassembly of fragments.
const priority nftables.ChainPriority = -450

func ours(c *nftables.Chain, want hook) bool {
	return c.Type == nftables.ChainTypeFilter && c.Hooknum != nil && uint32(*c.Hooknum) == want.number &&
		c.Priority != nil && *c.Priority == priority && c.Policy != nil && *c.Policy == nftables.ChainPolicyAccept
}

// judge says what is wrong with the rules of a chain.
func (d *Driver) judge(t *nftables.Table, chain string, rules []own.Rule, handles map[ruleID]bool, fault func(string, ...any)) {
	rules = slices.DeleteFunc(slices.Clone(rules), func(r own.Rule) bool { return r.Chain != chain })
	if len(rules) != 1 {
		fault("chain %s of table %s has %d rules and not 1", chain, title(t), len(rules))
		return
	}
	id := ruleID{t.Family, rules[0].Handle}
	handles[id] = true
	if rules[0].Comment != "weft "+version || d.handles != nil && !d.handles[id] {
		fault("the rule of chain %s of table %s is not ours", chain, title(t))
	}
}

func (d *Driver) readSet(t *nftables.Table, into map[string]bool, fault func(string, ...any)) error {
	elements, err := d.conn.Elements(&nftables.Set{Table: t, Name: setName})
	if errors.Is(err, os.ErrNotExist) {
		fault("set %s of table %s is missing", setName, title(t))
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range elements {
		name, _, _ := bytes.Cut(e.Key, []byte{0})
		if len(e.Key) != nameSize || len(name) == 0 {
			fault("set %s of table %s is not ours", setName, title(t))
			continue
		}
		into[string(name)] = true
	}
	return nil
}
