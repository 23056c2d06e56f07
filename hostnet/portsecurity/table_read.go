package portsecurity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/google/nftables"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

// read dumps the tables as they were at one moment.
func (d *Driver) read(ctx context.Context) (fresh cache, err error) {
	err = d.conn.Consistent(ctx, "tables bridge weft and netdev weft", func() (err error) {
		fresh, err = d.dump(ctx)
		return err
	})
	return fresh, err
}

func (d *Driver) dump(ctx context.Context) (cache, error) {
	fresh := cache{elements: map[string]map[object.PortSecurityElement]bool{}, own: map[string]nftables.SetElement{}}
	uplinks, err := d.readUplinks(ctx)
	if err != nil {
		return fresh, err
	}
	fresh.uplinks = uplinks
	found, err := d.rules(ctx, nftables.TableFamilyBridge)
	if errors.Is(err, os.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return fresh, err
	}
	fresh.exists = true
	fresh.rules = d.judge(found)
	for _, name := range object.PortSecuritySets() {
		elements, limits, err := d.elements(ctx, name)
		if errors.Is(err, os.ErrNotExist) {
			fresh.rules = cmp.Or(fresh.rules, "set "+string(name)+" is missing")
			continue
		}
		if err != nil {
			return fresh, err
		}
		for i, e := range elements {
			m, err := decode(name, e)
			if err != nil {
				fresh.rules = cmp.Or(fresh.rules, err.Error())
				continue
			}
			if limits != nil {
				m.Rate, m.Burst = limits[i].Rate, limits[i].Burst
			}
			fresh.set(e.Comment, m, true)
			if name == object.PortSecurityMACs && m.Interface == e.Comment {
				fresh.own[m.Interface] = e
			}
		}
	}
	return fresh, nil
}

// handle identifies a set for the library.
func (d *Driver) handle(name string) *nftables.Set {
	return &nftables.Set{Table: d.table, Name: name, IsMap: name == string(object.PortSecurityRouters) || name == setForeign}
}

// rules reads the rules of the family's table in order. The error is os.ErrNotExist if there is no such table.
func (d *Driver) rules(ctx context.Context, family nftables.TableFamily) ([]own.Rule, error) {
	t, err := d.conn.Table(&nftables.Table{Name: tableName, Family: family})
	if err == nil && t == nil {
		err = os.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	return d.conn.Rules(ctx, t)
}

// judge compares the rules with ours. The comments say which version they are. After the rules were right once, their handles
// show whether somebody replaced them. The caller holds the lock.
func (d *Driver) judge(found []own.Rule) string {
	have, handles := map[string][]string{}, make(map[uint64]bool, len(found))
	for _, r := range found {
		have[r.Chain] = append(have[r.Chain], r.Comment)
		handles[r.Handle] = true
		if d.handles != nil && !d.handles[r.Handle] {
			return fmt.Sprintf("chain %s has a rule (handle %d) that is not ours", r.Chain, r.Handle)
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
