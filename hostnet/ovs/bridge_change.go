package ovs

import (
	"fmt"
	"slices"

	"weft/hostnet/object"
	"weft/hostnet/ovsdb"
)

func (t *dbChanges) setBridge(b *object.Bridge) error {
	if b.OwnerUID == "" {
		return fmt.Errorf("bridge %s: has no owner", b.Name)
	}
	row := ovsdb.Columns{"datapath_type": b.DatapathType, "fail_mode": b.FailMode, "protocols": ovsdb.SetOf(b.Protocols...),
		"controller": ovsdb.EmptySet(), "stp_enable": false, "rstp_enable": false}
	settings := map[any]any{}
	for _, s := range b.Settings {
		settings[s.Key] = s.Value
	}
	old := t.rows.bridges[b.Name]
	if old == nil {
		ids := ovsdb.Map{GoMap: map[any]any{idOwner: b.OwnerUID}}
		i := t.insert(ovsdb.TableInterface, ovsdb.Columns{"name": b.Name, "type": "internal"})
		row["ports"] = t.insert(ovsdb.TablePort, ovsdb.Columns{"name": b.Name, "interfaces": i})
		row["name"], row["external_ids"], row["other_config"] = b.Name, ids, ovsdb.Map{GoMap: settings}
		made := ovsdb.SetOf(t.insert(ovsdb.TableBridge, row))
		t.ops = append(t.ops, t.rows.db.MutateRoot(ovsdb.Include("bridges", made)))
		return nil
	}
	if _, err := t.rows.ownBridge(b.Name); err != nil {
		return fmt.Errorf("%w; give it that key if Weft may have it, or remove it", err)
	}
	t.update(ovsdb.TableBridge, old.UUID, row)
	t.setIDs(ovsdb.TableBridge, old.UUID, old.ExternalIDs, map[string]string{idOwner: b.OwnerUID})
	var stale []any
	for k := range settings {
		if v, there := old.OtherConfig[k.(string)]; there && v != settings[k] {
			stale = append(stale, k)
		}
	}
	t.mutateMap(ovsdb.TableBridge, old.UUID, "other_config", stale, settings)
	return nil
}

// deleteBridge removes a bridge of ours, unless it has ports that Weft did not create.
func (t *dbChanges) deleteBridge(name string) error {
	b, err := t.rows.ownBridge(name)
	if err != nil {
		return nil // it is gone or not ours: nothing to do
	}
	var strangers []string
	for _, uuid := range b.Ports {
		p, ok := ovsdb.Get[*ovsdb.Port](t.rows.db.Client, uuid)
		if !ok || p.Name == b.Name {
			continue
		}
		if v, ok := t.rows.record(p, t.rows.iface); !ok || !v.created() {
			strangers = append(strangers, p.Name)
		}
	}
	if len(strangers) > 0 {
		slices.Sort(strangers)
		return fmt.Errorf("bridge %s: not removed, it has ports that Weft did not create: %q", name, strangers)
	}
	t.ops = append(t.ops, t.rows.db.MutateRoot(ovsdb.Exclude("bridges", ovsdb.SetOf(ovsdb.UUID{GoUUID: b.UUID}))))
	return nil
}
