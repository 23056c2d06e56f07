package guard

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// ruleComment is the type of a comment in the user data of a rule (libnftnl, NFTNL_UDATA_RULE_COMMENT).
const ruleComment userdata.Type = 0

// dumpAttempts bounds how often a dump that the kernel says was interrupted is repeated.
const dumpAttempts = 20

// read dumps the whole table.
func (d *Driver) read() (view, error) {
	fresh := view{members: map[string]map[object.GuardMember]bool{}, own: map[string]nftables.SetElement{}}
	uplinks, err := d.readUplinks()
	if err != nil {
		return fresh, err
	}
	fresh.uplinks = uplinks
	found, err := d.readRules(nftables.TableFamilyBridge)
	if errors.Is(err, os.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return fresh, err
	}
	fresh.exists = true
	fresh.rules = d.judge(found)
	for _, name := range object.GuardSets() {
		elements, err := d.elements(string(name))
		if errors.Is(err, os.ErrNotExist) {
			fresh.rules = cmp.Or(fresh.rules, "set "+string(name)+" is missing")
			continue
		}
		if err != nil {
			return fresh, err
		}
		for _, e := range elements {
			m, err := decode(name, e)
			if err != nil {
				fresh.rules = cmp.Or(fresh.rules, err.Error())
				continue
			}
			fresh.set(e.Comment, m, true)
			if name == object.GuardMACs && m.Interface == e.Comment {
				fresh.own[m.Interface] = e
			}
		}
	}
	return fresh, nil
}

// elements dumps one set; os.ErrNotExist when there is none.
func (d *Driver) elements(name string) ([]nftables.SetElement, error) {
	for range dumpAttempts {
		elements, err := d.conn.GetSetElements(d.handle(name))
		switch {
		case err == nil:
			return elements, nil
		case errors.Is(err, unix.EINTR):
			continue
		}
		// The library does not pass on which error it was.
		if _, missing := d.conn.GetSetByName(d.table, name); errors.Is(missing, os.ErrNotExist) {
			err = missing
		}
		return nil, fmt.Errorf("read set bridge weft %s: %w", name, err)
	}
	return nil, fmt.Errorf("read set bridge weft %s: interrupted %d times by changes: will be tried again", name, dumpAttempts)
}

// handle is how the library names a set.
func (d *Driver) handle(name string) *nftables.Set {
	return &nftables.Set{Table: d.table, Name: name, IsMap: name == string(object.GuardRouters) || name == setForeign}
}

// rule is what is compared of one rule.
type rule struct {
	chain, comment string
	handle         uint64
}

// readRules dumps the rules of the family's table in their order; os.ErrNotExist when there is no such table.
func (d *Driver) readRules(family nftables.TableFamily) ([]rule, error) {
	for range dumpAttempts {
		found, err := d.dumpRules(family)
		if err == nil || !errors.Is(err, unix.EINTR) {
			return found, err
		}
	}
	return nil, fmt.Errorf("read the rules of table weft: interrupted %d times by changes: will be tried again", dumpAttempts)
}

func (d *Driver) dumpRules(family nftables.TableFamily) ([]rule, error) {
	tables, err := d.conn.ListTablesOfFamily(family)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
		return nil, os.ErrNotExist // a kernel without nftables has no tables; loading rules will say what is missing
	}
	if err != nil {
		return nil, fmt.Errorf("list the tables of nftables: %w", err)
	}
	if !slices.ContainsFunc(tables, func(t *nftables.Table) bool { return t.Name == tableName }) {
		return nil, os.ErrNotExist
	}
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("open a netlink netfilter socket: %w", err)
	}
	defer conn.Close()
	attributes, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: unix.NFTA_RULE_TABLE, Data: []byte(tableName + "\x00")}})
	if err != nil {
		return nil, err
	}
	messages, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETRULE, Flags: netlink.Request | netlink.Dump},
		Data:   append([]byte{byte(family), 0, 0, 0}, attributes...),
	})
	if err != nil {
		return nil, fmt.Errorf("read the rules of table weft: %w", err)
	}
	found := make([]rule, 0, len(messages))
	for _, m := range messages {
		r, err := parseRule(m.Data)
		if err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, nil
}

// parseRule reads a rule message: nfgenmsg, then attributes in network order.
func parseRule(data []byte) (rule, error) {
	if len(data) < 4 {
		return rule{}, fmt.Errorf("rule message of %d bytes: too short", len(data))
	}
	ad, err := netlink.NewAttributeDecoder(data[4:])
	if err != nil {
		return rule{}, fmt.Errorf("rule message: %w", err)
	}
	var r rule
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_RULE_CHAIN:
			r.chain = ad.String()
		case unix.NFTA_RULE_HANDLE:
			for _, b := range ad.Bytes() {
				r.handle = r.handle<<8 | uint64(b)
			}
		case unix.NFTA_RULE_USERDATA:
			r.comment, _ = userdata.GetString(ad.Bytes(), ruleComment)
			r.comment = strings.TrimRight(r.comment, "\x00")
		}
	}
	return r, ad.Err()
}

// judge compares the rules with ours: their comments say which version they are, and since they were seen right once, their
// handles that nobody put others in their place. The caller holds the lock.
func (d *Driver) judge(found []rule) string {
	have, handles := map[string][]string{}, make(map[uint64]bool, len(found))
	for _, r := range found {
		have[r.chain] = append(have[r.chain], r.comment)
		handles[r.handle] = true
		if d.handles != nil && !d.handles[r.handle] {
			return fmt.Sprintf("chain %s has a rule (handle %d) that is not ours", r.chain, r.handle)
		}
	}
	for chain, want := range d.text.chains {
		if !slices.Equal(have[chain], want) {
			return fmt.Sprintf("the %d rules of chain %s are not our %d", len(have[chain]), chain, len(want))
		}
		delete(have, chain)
	}
	for chain := range have {
		return "chain " + chain + " is not ours"
	}
	d.handles = handles
	return ""
}
