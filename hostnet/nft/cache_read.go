package nft

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
)

// readCache dumps the namespace's table. If it changes during the dump, it is dumped again, so that the cache is of one generation.
func (c *control) readCache(ctx context.Context) (*cache, error) {
	for range dumpTries {
		v, err := c.tryReadCache(ctx)
		if !errors.Is(err, errGeneration) && !errors.Is(err, unix.ENOENT) {
			return v, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, fmt.Errorf("dump table %s: %w, %d times in a row", tableName, errGeneration, dumpTries)
}

func (c *control) tryReadCache(ctx context.Context) (*cache, error) {
	before, err := c.generation(ctx)
	if err != nil {
		return nil, err
	}
	v := newCache()
	v.generation = before
	if err := c.readStructure(ctx, v); err != nil {
		return nil, err
	}
	for _, s := range slices.Concat(hostSets(), mappingSets(), rateSets()) {
		if v.sets[s.name] == "" {
			continue
		}
		if err := c.readElements(ctx, s.name, v); err != nil {
			return nil, err
		}
	}
	after, err := c.generation(ctx)
	if err == nil && after != before {
		err = errGeneration
	}
	return v, err
}

// readStructure reads whether the table exists, its comment, and the digest of its chains, sets and rules as the kernel shows
// them. Counters, handles and reference counts are left out, because they do not change what the table does.
func (c *control) readStructure(ctx context.Context, v *cache) error {
	r := newRequest(unix.NFT_MSG_GETTABLE, 0).Text(unix.NFTA_TABLE_NAME, tableName)
	err := c.ask(ctx, r, func(m netlink.Message) error {
		a, err := attributesOf(m)
		v.exists, v.comment = true, commentOf(a[tableUserData])
		return err
	})
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read table %s: %w", tableName, err)
	}
	chains, err := c.readParts(ctx, unix.NFT_MSG_GETCHAIN, unix.NFTA_CHAIN_TABLE, unix.NFTA_CHAIN_NAME,
		unix.NFTA_CHAIN_HOOK, unix.NFTA_CHAIN_POLICY, unix.NFTA_CHAIN_TYPE)
	if err != nil {
		return fmt.Errorf("read chains: %w", err)
	}
	sets, err := c.readParts(ctx, unix.NFT_MSG_GETSET, unix.NFTA_SET_TABLE, unix.NFTA_SET_NAME, unix.NFTA_SET_FLAGS,
		unix.NFTA_SET_KEY_TYPE, unix.NFTA_SET_KEY_LEN, unix.NFTA_SET_DATA_TYPE, unix.NFTA_SET_DATA_LEN)
	if err != nil {
		return fmt.Errorf("read sets: %w", err)
	}
	rules, err := c.readParts(ctx, unix.NFT_MSG_GETRULE, unix.NFTA_RULE_TABLE, unix.NFTA_RULE_CHAIN,
		unix.NFTA_RULE_USERDATA, unix.NFTA_RULE_EXPRESSIONS)
	if err != nil {
		return fmt.Errorf("read rules: %w", err)
	}
	for _, p := range sets {
		v.sets[p.name] = p.text
	}
	v.digest = digestOf(chains, sets, rules)
	return nil
}

// part is a chain, a set or a rule: its name and everything in it that counts. The name of a rule is its chain's name.
type part struct{ name, text string }

// digestOf is the content of the seal. The order of rules counts. The order of chains and sets does not.
func digestOf(chains, sets, rules []part) string {
	byText := func(a, b part) int { return strings.Compare(a.text, b.text) }
	slices.SortFunc(chains, byText)
	slices.SortFunc(sets, byText)
	slices.SortStableFunc(rules, func(a, b part) int { return strings.Compare(a.name, b.name) })
	h := sha256.New()
	for _, list := range [][]part{chains, sets, rules} {
		fmt.Fprintf(h, "%d\n", len(list))
		for _, p := range list {
			fmt.Fprintf(h, "%d %s\n", len(p.text), p.text)
		}
	}
	return string(h.Sum(nil)[:16])
}

// readParts dumps one kind of part of the table. The attribute table holds the table's name, the attribute name holds the part's
// name. The digest covers name and the attributes in more.
func (c *control) readParts(ctx context.Context, kind uint16, table, name uint16, more ...uint16) ([]part, error) {
	var all []part
	r := newRequest(kind, unix.NLM_F_DUMP).Text(table, tableName)
	err := c.dump(ctx, r, func(m netlink.Message) error {
		a, err := attributesOf(m)
		// A dump of chains contains those of all tables of the family.
		if err != nil || netlink.Text(a[table]) != tableName {
			return err
		}
		var b strings.Builder
		for _, k := range append([]uint16{name}, more...) {
			fmt.Fprintf(&b, "%d:%x ", k, a[k])
		}
		all = append(all, part{netlink.Text(a[name]), b.String()})
		return nil
	})
	return all, err
}

func (c *control) readElements(ctx context.Context, set string, v *cache) error {
	ignored := newTouched()
	r := newRequest(unix.NFT_MSG_GETSETELEM, unix.NLM_F_DUMP).Text(unix.NFTA_SET_ELEM_LIST_TABLE, tableName).
		Text(unix.NFTA_SET_ELEM_LIST_SET, set)
	err := c.dump(ctx, r, func(m netlink.Message) error {
		elements, err := elementsOf(m)
		for _, e := range elements {
			v.put(e, true, ignored)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read set %s: %w", set, err)
	}
	return nil
}

// elementsOf are the elements in a message. There are none if the message is about another table.
func elementsOf(m netlink.Message) (all []element, err error) {
	var table, list []byte
	var name string
	err = netlink.EachAttribute(m.Data, netlink.NetfilterHeader, func(kind uint16, data []byte) {
		switch kind {
		case unix.NFTA_SET_ELEM_LIST_TABLE:
			table = data
		case unix.NFTA_SET_ELEM_LIST_SET:
			name = netlink.Text(data)
		case unix.NFTA_SET_ELEM_LIST_ELEMENTS:
			list = data
		}
	})
	if err != nil || !ofOurTable(m, table) {
		return nil, err
	}
	var inside error
	err = netlink.EachAttribute(list, 0, func(_ uint16, b []byte) {
		e := element{set: name}
		if err := e.read(b); err != nil {
			inside = err
		}
		all = append(all, e)
	})
	return all, errors.Join(err, inside)
}

// read reads the key and the value from the attributes of an element.
func (e *element) read(b []byte) error {
	var inside error
	if isRate(e.set) {
		e.value = unlimited
	}
	err := netlink.EachAttribute(b, 0, func(kind uint16, data []byte) {
		into := &e.key
		switch kind {
		case unix.NFTA_SET_ELEM_KEY:
		case unix.NFTA_SET_ELEM_DATA:
			into = &e.value
		case unix.NFTA_SET_ELEM_FLAGS:
			if isInterval(e.set) && len(data) == 4 && binary.BigEndian.Uint32(data)&unix.NFT_SET_ELEM_INTERVAL_END != 0 {
				e.value = intervalEnd
			}
			return
		case unix.NFTA_SET_ELEM_EXPR, elementExpressions:
			if isRate(e.set) {
				e.value, inside = readLimits(kind, data)
			}
			return
		default:
			return
		}
		err := netlink.EachAttribute(data, 0, func(kind uint16, data []byte) {
			if kind == unix.NFTA_DATA_VALUE {
				*into = string(data)
			}
		})
		if err != nil {
			inside = err
		}
	})
	return errors.Join(err, inside)
}

// ofOurTable says whether a message is about a table with our family and name.
func ofOurTable(m netlink.Message, name []byte) bool {
	return len(m.Data) > 0 && m.Data[0] == unix.NFPROTO_INET && netlink.Text(name) == tableName
}
