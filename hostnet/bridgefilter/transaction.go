package bridgefilter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

// transaction is what changes of ports, networks and members do to the table.
type transaction struct {
	gone, come map[string][]nftables.SetElement // by set
	// clear are chains that lose their rules. jumps are chains that get rules that lead to groups. drop are chains that go, after their elements.
	clear, drop []string
	jumps       map[string][]uint32
	owners      map[memberScope]map[netip.Prefix][]uint16
	// after brings the cache up to date when the kernel has accepted the transaction.
	after []func()
}

// commit carries out changes of ports, networks and members as one transaction.
func (d *Driver) commit(ctx context.Context, changes []object.Change) error {
	t := &transaction{gone: map[string][]nftables.SetElement{}, come: map[string][]nftables.SetElement{}, jumps: map[string][]uint32{},
		owners: map[memberScope]map[netip.Prefix][]uint16{}}
	for _, c := range changes {
		var err error
		switch c.Key().Kind {
		case object.KindFilterNetwork:
			err = d.addNetwork(t, c)
		case object.KindFilterPort:
			err = d.addPort(t, c)
		default:
			d.addMembers(t, c)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.Key(), err)
		}
	}
	if err := errors.Join(d.addOwners(t), d.makeSets(ctx, t)); err != nil {
		return err
	}
	if err := d.send(t); err != nil {
		return err
	}
	for _, done := range t.after {
		done()
	}
	return nil
}

// makeSets makes the sets of members that are missing.
func (d *Driver) makeSets(ctx context.Context, t *transaction) error {
	text := ""
	var made []uint32
	for scope := range t.owners {
		if !d.cache.sets[scope.group] && !slices.Contains(made, scope.group) {
			text, made = text+createSets(scope.group), append(made, scope.group)
		}
	}
	if text == "" {
		return nil
	}
	if err := d.program.Load(ctx, text); err != nil {
		return fmt.Errorf("make the sets of members in table bridge weft_filter: %w", err)
	}
	for _, number := range made {
		d.cache.sets[number] = true
	}
	return nil
}

// send sends the transaction: new chains, removals, additions, and the removal of chains.
func (d *Driver) send(t *transaction) error {
	for _, name := range slices.Sorted(maps.Keys(t.jumps)) {
		d.conn.AddChain(&nftables.Chain{Table: d.table, Name: name})
	}
	for _, name := range t.clear {
		d.conn.FlushChain(&nftables.Chain{Table: d.table, Name: name})
	}
	for _, name := range slices.Sorted(maps.Keys(t.jumps)) {
		for _, number := range t.jumps[name] {
			_, device, _ := deviceOf(name)
			d.conn.AddRule(&nftables.Rule{Table: d.table, Chain: &nftables.Chain{Table: d.table, Name: name},
				Exprs:    []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: groupChain(number, name == portChain(setIngress, device), 0)}},
				UserData: userdata.AppendString(nil, userdata.Type(0), jumpComment+object.GroupName(number))})
		}
	}
	var errs []error
	for _, set := range slices.Sorted(maps.Keys(t.gone)) {
		errs = append(errs, own.Queue(d.handle(set), t.gone[set], d.conn.SetDeleteElements))
	}
	for _, set := range slices.Sorted(maps.Keys(t.come)) {
		errs = append(errs, own.Queue(d.handle(set), t.come[set], d.conn.SetAddElements))
	}
	for _, name := range t.drop {
		d.conn.DelChain(&nftables.Chain{Table: d.table, Name: name})
	}
	if err := errors.Join(append(errs, d.conn.Flush())...); err != nil {
		return fmt.Errorf("change table bridge weft_filter: %w", err)
	}
	for _, name := range append(t.clear, t.drop...) {
		delete(d.handles, name)
	}
	return nil
}

// addNetwork sets the values of a bridge in the maps.
func (d *Driver) addNetwork(t *transaction, c object.Change) error {
	bridge := c.Key().Name
	key, err := nameKey(bridge)
	if err != nil {
		return err
	}
	have := d.cache.networks[bridge]
	want, wanted := c.Desired.(*object.FilterNetwork)
	if !wanted {
		want = &object.FilterNetwork{}
	}
	zone, router := binary.NativeEndian.AppendUint16(nil, want.Zone), binary.NativeEndian.AppendUint32(nil, want.Router)
	t.replace(setZones, key, zone, have.zoned, wanted, have.zone == want.Zone)
	t.replace(setRouters, key, router, have.known, wanted, have.router == want.Router)
	t.after = append(t.after, func() {
		if !wanted {
			delete(d.cache.networks, bridge)
			return
		}
		d.cache.networks[bridge] = network{want.Zone, want.Router, true, true}
	})
	return nil
}

// replace changes the value of a key in a map. In one transaction a packet finds either the old or the new one.
func (t *transaction) replace(set string, key, value []byte, had, wanted, same bool) {
	if had && wanted && same {
		return
	}
	if had {
		t.gone[set] = append(t.gone[set], nftables.SetElement{Key: key})
	}
	if wanted {
		t.come[set] = append(t.come[set], nftables.SetElement{Key: key, Val: value})
	}
}

// addPort writes a port's chains again, and adds or removes its elements.
func (d *Driver) addPort(t *transaction, c object.Change) error {
	device := c.Key().Name
	have := d.cache.port(device)
	want, wanted := c.Desired.(*object.FilterPort)
	now := port{elements: map[string]bool{}, chains: map[string]bool{}, packets: have.packets}
	for _, set := range portSets() {
		e, err := portElement(set, device)
		if err != nil {
			return err
		}
		if have.elements[set] && (!wanted || have.fault != "" && e.VerdictData != nil) {
			t.gone[set] = append(t.gone[set], nftables.SetElement{Key: e.Key})
		}
		if wanted && (!have.elements[set] || have.fault != "" && e.VerdictData != nil) {
			t.come[set] = append(t.come[set], e)
		}
		now.elements[set] = true
	}
	for _, set := range []string{setEgress, setIngress} {
		chain := portChain(set, device)
		now.chains[set] = true
		if have.chains[set] || wanted {
			t.clear = append(t.clear, chain)
		}
		if wanted {
			t.jumps[chain] = want.Groups
		} else if have.chains[set] {
			t.drop = append(t.drop, chain)
		}
	}
	t.after = append(t.after, func() {
		if !wanted {
			delete(d.cache.ports, device)
			delete(d.guests, device)
			return
		}
		now.groups = slices.Sorted(slices.Values(want.Groups))
		d.cache.ports[device], d.guests[device] = now, true
	})
	return nil
}
