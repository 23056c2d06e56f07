package bridgefilter

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

// read dumps the table as it was at one moment.
func (d *Driver) read(ctx context.Context) (fresh cache, err error) {
	err = d.conn.Consistent(ctx, "table bridge weft_filter", func() (err error) {
		fresh, err = d.dump(ctx)
		return err
	})
	return fresh, err
}

// found is what a dump has of the table's chains.
type found struct {
	chains map[string][]own.Rule // in order; none for an empty chain
}

func (d *Driver) dump(ctx context.Context) (cache, error) {
	fresh := newCache()
	t, err := d.conn.Table(d.table)
	if err != nil || t == nil {
		return fresh, err
	}
	fresh.exists = true
	f, err := d.chains(ctx)
	if err != nil {
		return fresh, err
	}
	d.judgeRules(&fresh, f)
	for _, set := range staticSets() {
		elements, err := d.conn.Elements(d.handle(set))
		if errors.Is(err, os.ErrNotExist) {
			fresh.rules = cmp.Or(fresh.rules, "set "+set+" is missing")
			continue
		}
		if err != nil {
			return fresh, err
		}
		for _, e := range elements {
			fresh.takeElement(set, e)
		}
	}
	d.sortChains(&fresh, f)
	return fresh, d.readMembers(ctx, &fresh)
}

// handle identifies a set for the library.
func (d *Driver) handle(name string) *nftables.Set {
	return &nftables.Set{Table: d.table, Name: name, IsMap: isMap(name)}
}

// chains reads all chains and their rules.
func (d *Driver) chains(ctx context.Context) (found, error) {
	f := found{chains: map[string][]own.Rule{}}
	chains, err := d.conn.ListChainsOfTableFamily(nftables.TableFamilyBridge)
	if err != nil {
		return f, fmt.Errorf("list the chains of table bridge weft_filter: %w", err)
	}
	for _, c := range chains {
		if c.Table.Name == tableName {
			f.chains[c.Name] = nil
		}
	}
	rules, err := d.conn.Rules(ctx, d.table)
	if err != nil {
		return f, err
	}
	for _, r := range rules {
		f.chains[r.Chain] = append(f.chains[r.Chain], r)
	}
	return f, nil
}

// judgeRules compares the rules of rules.nft with ours, and finds chains that are neither of these nor a port's nor a group's.
func (d *Driver) judgeRules(fresh *cache, f found) {
	for chain, rules := range f.chains {
		_, ours := d.text.chains[chain]
		_, _, aPort := deviceOf(chain)
		_, _, aGroup := groupOf(chain)
		if !ours && !aPort && !aGroup {
			fresh.strange = append(fresh.strange, chain)
			fresh.rules = "chain " + chain + " is not ours"
		}
		if why := d.replaced(chain, rules); ours && why != "" {
			fresh.rules = why
		}
	}
	for chain, want := range d.text.chains {
		if have := comments(f.chains[chain]); !slices.Equal(have, want) {
			fresh.rules = fmt.Sprintf("the %d rules of chain %s are not our %d", len(have), chain, len(want))
		}
	}
	slices.Sort(fresh.strange)
	if fresh.rules == "" {
		for chain := range d.text.chains {
			d.remember(chain, f.chains[chain])
		}
	}
}

func comments(rules []own.Rule) (texts []string) {
	for _, r := range rules {
		texts = append(texts, r.Comment)
	}
	return texts
}

// replaced says that a rule of a chain is another one than when the chain was right, though it may have the same comment.
func (d *Driver) replaced(chain string, rules []own.Rule) string {
	known, before := d.handles[chain]
	for _, r := range rules {
		if before && !known[r.Handle] {
			return fmt.Sprintf("chain %s has a rule (handle %d) that is not ours", chain, r.Handle)
		}
	}
	return ""
}

// remember notes the handles of a chain that is right.
func (d *Driver) remember(chain string, rules []own.Rule) {
	handles := make(map[uint64]bool, len(rules))
	for _, r := range rules {
		handles[r.Handle] = true
	}
	d.handles[chain] = handles
}

// takeElement records an element of a set of rules.nft.
func (c *cache) takeElement(set string, e nftables.SetElement) {
	name := nameOf(e.Key)
	if set == setZones || set == setRouters {
		n := c.networks[name]
		if set == setZones && len(e.Val) >= 2 {
			n.zone, n.zoned = binary.NativeEndian.Uint16(e.Val), true
		}
		if set == setRouters && len(e.Val) >= markSize {
			n.router, n.known = binary.NativeEndian.Uint32(e.Val), true
		}
		c.networks[name] = n
		return
	}
	p := c.port(name)
	p.elements[set] = true
	if e.Counter != nil {
		p.packets[set] = e.Counter.Packets
	}
	if chain := portChain(set, name); chain != "" && !jumpsTo(e.Val, chain) {
		p.fault = "map " + set + " does not lead to its chain"
	}
	c.ports[name] = p
}

// port finds a port, or makes it.
func (c *cache) port(device string) port {
	p, ok := c.ports[device]
	if !ok {
		p = port{elements: map[string]bool{}, chains: map[string]bool{}, packets: map[string]uint64{}}
	}
	return p
}

// readMembers reads the sets of members.
func (d *Driver) readMembers(ctx context.Context, fresh *cache) error {
	names, err := d.conn.SetNames(ctx, d.table)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, name := range names {
		there[name] = true
	}
	for name := range there {
		text, ours := strings.CutPrefix(name, memberPrefix)
		number, ok := groupNumber(text[:min(len(text), len(object.GroupName(0)))])
		if !ours || !ok || fresh.sets[number] {
			continue
		}
		whole := true
		for _, s := range memberSets(number) {
			if !there[s.name()] {
				whole = false
				continue
			}
			elements, err := d.conn.Elements(d.handle(s.name()))
			if err != nil {
				return err
			}
			for _, e := range elements {
				if scope, member, ok := s.decodeMember(e); ok {
					fresh.setOwners(scope, member, shardsOf(e.Comment))
				}
			}
		}
		fresh.sets[number] = whole
	}
	return nil
}

// groupNumber reads what object.GroupName wrote.
func groupNumber(name string) (uint32, bool) {
	digits, ok := strings.CutPrefix(name, "g")
	n, err := strconv.ParseUint(digits, 16, 32)
	return uint32(n), ok && err == nil && object.GroupName(uint32(n)) == name
}

// groupOf is the group whose chain it is, and the group that the chain's rules name; 0 for none.
func groupOf(chain string) (number, remote uint32, ok bool) {
	parts := strings.Split(chain, "-")
	if len(parts) < 2 || len(parts) > 3 || "-"+parts[1] != suffixIngress && "-"+parts[1] != suffixEgress {
		return 0, 0, false
	}
	number, ok = groupNumber(parts[0])
	if ok && len(parts) == 3 {
		remote, ok = groupNumber(parts[2])
	}
	return number, remote, ok
}
