package hostfilter

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

const (
	tableName = "weft"
	setName   = "silent"
	nameSize  = 16 // IFNAMSIZ
)

// tables are ours, in the order of view.devices.
var tables = [2]*nftables.Table{
	{Name: tableName, Family: nftables.TableFamilyINet},
	{Name: tableName, Family: nftables.TableFamilyARP},
}

// hook is where a chain of ours is. Their names are the same in both tables.
type hook struct {
	chain  string
	number uint32
}

// hooks of each table's chains (linux/netfilter.h, linux/netfilter_arp.h).
var hooks = [2][2]hook{
	{{"hear", unix.NF_INET_PRE_ROUTING}, {"say", unix.NF_INET_LOCAL_OUT}},
	{{"hear", 0}, {"say", 1}}, // NF_ARP_IN, NF_ARP_OUT
}

// view is what is known of the tables.
type view struct {
	exists  bool   // one of them does
	faults  string // what is wrong with them; empty when nothing is
	devices [2]map[string]bool
}

func (v *view) silent(device string) bool {
	return v.devices[0][device] && v.devices[1][device]
}

// names are the devices that either table knows, in order.
func (v *view) names() []string {
	var names []string
	for _, set := range v.devices {
		for name := range set {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// changed lists the keys that differ between two views.
func (v *view) changed(fresh view) (keys []object.Key) {
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

// ruleID is a rule that is there, among all tables.
type ruleID struct {
	family nftables.TableFamily
	handle uint64
}

// dumpAttempts bounds how often a dump that the kernel says was interrupted is repeated.
const dumpAttempts = 20

func uninterrupted[T any](read func() (T, error)) (found T, err error) {
	for range dumpAttempts {
		if found, err = read(); !errors.Is(err, unix.EINTR) {
			return found, err
		}
	}
	return found, err
}

// read dumps both tables. The caller holds the lock.
func (d *Driver) read() (view, error) {
	v := view{devices: [2]map[string]bool{{}, {}}}
	handles := map[ruleID]bool{}
	fault := func(format string, args ...any) {
		if v.faults == "" {
			v.faults = fmt.Sprintf(format, args...)
		}
	}
	for i, t := range tables {
		there, err := d.table(t)
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
		if err := d.readChains(t, hooks[i], handles, fault); err != nil {
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

// table finds a table; nil when it is not there. A kernel without nftables has none: loading will say what is missing.
func (d *Driver) table(t *nftables.Table) (*nftables.Table, error) {
	all, err := uninterrupted(func() ([]*nftables.Table, error) { return d.conn.ListTablesOfFamily(t.Family) })
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EAFNOSUPPORT) {
		return nil, nil
	}
	for _, one := range all {
		if one.Name == t.Name {
			return one, err
		}
	}
	return nil, err
}

// readChains compares chains and rules with ours. Comments say which version a rule is, and since all were seen right once, handles say
// that nobody has put others in their place.
func (d *Driver) readChains(t *nftables.Table, want [2]hook, handles map[ruleID]bool, fault func(string, ...any)) error {
	chains, err := uninterrupted(func() ([]*nftables.Chain, error) { return d.conn.ListChainsOfTableFamily(t.Family) })
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
		if err := d.readRules(t, c, handles, fault); err != nil {
			return err
		}
	}
	if found != len(want) {
		fault("table %s has %d of our %d chains", title(t), found, len(want))
	}
	return nil
}

// priority is that of our chains: before connection tracking and the reassembly of fragments.
const priority nftables.ChainPriority = -450

func ours(c *nftables.Chain, want hook) bool {
	return c.Type == nftables.ChainTypeFilter && c.Hooknum != nil && uint32(*c.Hooknum) == want.number &&
		c.Priority != nil && *c.Priority == priority && c.Policy != nil && *c.Policy == nftables.ChainPolicyAccept
}

func (d *Driver) readRules(t *nftables.Table, c *nftables.Chain, handles map[ruleID]bool, fault func(string, ...any)) error {
	rules, err := uninterrupted(func() ([]*nftables.Rule, error) { return d.conn.GetRules(t, c) })
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(rules) != 1 {
		fault("chain %s of table %s has %d rules and not 1", c.Name, title(t), len(rules))
		return nil
	}
	id := ruleID{t.Family, rules[0].Handle}
	handles[id] = true
	comment, _ := userdata.GetString(rules[0].UserData, userdata.TypeComment)
	if strings.TrimRight(comment, "\x00") != "weft "+version || d.handles != nil && !d.handles[id] {
		fault("the rule of chain %s of table %s is not ours", c.Name, title(t))
	}
	return nil
}

func (d *Driver) readSet(t *nftables.Table, into map[string]bool, fault func(string, ...any)) error {
	elements, err := uninterrupted(func() ([]nftables.SetElement, error) {
		return d.conn.GetSetElements(&nftables.Set{Table: t, Name: setName})
	})
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
