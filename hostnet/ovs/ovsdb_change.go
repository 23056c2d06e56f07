package ovs

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"

	"weft/hostnet/object"
)

// dbChanges collects the operations of one transaction. It reads rows only to find UUIDs and to refuse what is not ours.
type dbChanges struct {
	rows *rows
	ops  []ovsdb.Operation
	// plug and unplug are the ports by the bridge's UUID, so that the port column of a bridge changes once.
	plug, unplug map[string][]any
	names        int
	// carried says that the switch has to carry something out before anybody can rely on the change: a port or bridge that is
	// made, changed or removed, an uplink, a session, a requested MTU. Marks and the tag of a guest's port do not count, because
	// flows decide what the port may do.
	carried bool
}

func newDBChanges(r *rows) *dbChanges {
	return &dbChanges{rows: r, plug: map[string][]any{}, unplug: map[string][]any{}}
}

// add appends the operations of one change. On an error it appends nothing, also if the change consists of several ports.
func (t *dbChanges) add(c object.Change) error {
	before := dbChanges{ops: t.ops, plug: maps.Clone(t.plug), unplug: maps.Clone(t.unplug), carried: t.carried}
	err := t.tryAdd(c)
	if err != nil {
		t.ops, t.plug, t.unplug, t.carried = before.ops, before.plug, before.unplug, before.carried
	}
	return err
}

func (t *dbChanges) tryAdd(c object.Change) error {
	t.carried = t.carried || c.Key().Kind != object.KindOVSPort
	switch c.Key().Kind {
	case object.KindBridge:
		if c.Op == object.Delete {
			return t.deleteBridge(c.Key().Name)
		}
		return t.setBridge(c.Desired.(*object.Bridge))
	case object.KindUplink:
		if c.Op == object.Delete {
			return t.removePort(c.Key().Name)
		}
		u := c.Desired.(*object.Uplink)
		return t.setPort(wantedPort{device: u.Device, bridge: u.Bridge,
			ids: map[string]string{idOwner: u.OwnerUID, idPhysicalNetwork: u.PhysicalNetwork}})
	case object.KindSession:
		if c.Op == object.Delete {
			return t.removeSession(c.Key().Name)
		}
		return t.setSession(c.Desired.(*object.Session))
	case object.KindOVSPort:
		if c.Op == object.Delete {
			return t.removePort(c.Key().Name)
		}
		return t.setPort(guestPortWanted(c.Desired.(*object.OVSPort)))
	}
	return fmt.Errorf("%s is not of the Open vSwitch database", c.Key())
}

// wantedPort is what a port row and its interface row must be.
type wantedPort struct {
	device, bridge string
	adopted        bool
	tag            *uint16 // if nil: left alone, or none on a new port
	ids            map[string]string
	patch          *patchEnd // nil for a netdev
}

func guestPortWanted(p *object.OVSPort) wantedPort {
	w := wantedPort{device: p.Device, bridge: p.Bridge, adopted: p.Adopted, tag: &p.Tag, ids: map[string]string{idOwner: p.OwnerUID}}
	if !p.Adopted {
		w.ids[idInterface], w.ids[idAttachedMAC] = p.InterfaceID, p.MAC
	}
	return w
}

func (t *dbChanges) setPort(w wantedPort) error {
	b, err := t.rows.ownBridge(w.bridge)
	if err != nil {
		return fmt.Errorf("port %s: %w", w.device, err)
	}
	if w.ids[idOwner] == "" {
		return fmt.Errorf("port %s: has no owner", w.device)
	}
	p, there := t.rows.port(w.device)
	switch {
	case !there && w.adopted:
		return fmt.Errorf("port %s: to be adopted, but whoever plugged it has taken it away", w.device)
	case !there:
		t.createPort(b, w)
		return nil
	case p.local():
		return fmt.Errorf("port %s: the name is that of bridge %s itself", w.device, p.bridge.Name)
	case p.bridge.UUID != b.UUID && !p.created():
		return fmt.Errorf("port %s: is on bridge %s, where somebody else put it: expected on %s", w.device, p.bridge.Name, w.bridge)
	case p.bridge.UUID != b.UUID:
		t.unplug[p.bridge.UUID] = append(t.unplug[p.bridge.UUID], ovsdb.UUID{GoUUID: p.port.UUID})
		t.plug[b.UUID] = append(t.plug[b.UUID], ovsdb.UUID{GoUUID: p.port.UUID})
	}
	t.setIDs(tableInterface, p.iface.UUID, p.iface.ExternalIDs, w.ids)
	t.setIDs(tablePort, p.port.UUID, p.port.ExternalIDs, map[string]string{idOwner: w.ids[idOwner]})
	if p.iface.MTURequest != nil {
		t.carried = true
		t.update(tableInterface, p.iface.UUID, ovsdb.Row{"mtu_request": ovsdb.OvsSet{GoSet: []any{}}})
	}
	if w.tag != nil && (p.port.Tag == nil || *p.port.Tag != int(*w.tag)) {
		t.update(tablePort, p.port.UUID, ovsdb.Row{"tag": int(*w.tag)})
	}
	return nil
}

// setIDs writes only the keys that differ. An empty value means that the key shall not exist.
func (t *dbChanges) setIDs(table, uuid string, have, want map[string]string) {
	var stale []any
	set := map[any]any{}
	for k, v := range want {
		old, there := have[k]
		if there && old != v {
			stale = append(stale, k)
		}
		if v != "" && old != v {
			set[k] = v
		}
	}
	t.mutateMap(table, uuid, "external_ids", stale, set)
}

func (t *dbChanges) mutateMap(table, uuid, column string, stale []any, set map[any]any) {
	var m []ovsdb.Mutation
	if len(stale) > 0 {
		m = append(m, ovsdb.Mutation{Column: column, Mutator: ovsdb.MutateOperationDelete, Value: ovsdb.OvsSet{GoSet: stale}})
	}
	if len(set) > 0 {
		m = append(m, ovsdb.Mutation{Column: column, Mutator: ovsdb.MutateOperationInsert, Value: ovsdb.OvsMap{GoMap: set}})
	}
	if len(m) > 0 {
		t.ops = append(t.ops, ovsdb.Operation{Op: ovsdb.OperationMutate, Table: table, Where: whereUUID(uuid), Mutations: m})
	}
}

func (t *dbChanges) update(table, uuid string, row ovsdb.Row) {
	t.ops = append(t.ops, ovsdb.Operation{Op: ovsdb.OperationUpdate, Table: table, Where: whereUUID(uuid), Row: row})
}

// insert appends a row and returns its name within the transaction.
func (t *dbChanges) insert(table string, row ovsdb.Row) ovsdb.UUID {
	t.names++
	name := fmt.Sprintf("row%d", t.names)
	t.ops = append(t.ops, ovsdb.Operation{Op: ovsdb.OperationInsert, Table: table, Row: row, UUIDName: name})
	return ovsdb.UUID{GoUUID: name}
}

func (t *dbChanges) createPort(b *bridgeRow, w wantedPort) {
	owned := map[any]any{idOwner: w.ids[idOwner], idCreated: "true"}
	ids := map[any]any{idCreated: "true"}
	for k, v := range w.ids {
		if v != "" {
			ids[k] = v
		}
	}
	row := ovsdb.Row{}
	if w.patch != nil {
		row = w.patch.row()
	}
	row["name"], row["external_ids"] = w.device, ovsdb.OvsMap{GoMap: ids}
	i := t.insert(tableInterface, row)
	port := ovsdb.Row{"name": w.device, "interfaces": i, "external_ids": ovsdb.OvsMap{GoMap: owned}}
	if w.tag != nil {
		port["tag"] = int(*w.tag)
	}
	t.plug[b.UUID] = append(t.plug[b.UUID], t.insert(tablePort, port))
}

// removePort deletes a port that Weft created. From a port that Weft adopted it removes only the marks. A port that does not
// exist or is not ours needs nothing.
func (t *dbChanges) removePort(device string) error {
	p, there := t.rows.port(device)
	switch {
	case !there || !p.ours() || p.local():
		return nil
	case p.created():
		t.unplug[p.bridge.UUID] = append(t.unplug[p.bridge.UUID], ovsdb.UUID{GoUUID: p.port.UUID})
		return nil
	}
	marks := []any{idOwner, idCreated, idPhysicalNetwork}
	t.mutateMap(tableInterface, p.iface.UUID, "external_ids", marks, nil)
	t.mutateMap(tablePort, p.port.UUID, "external_ids", marks, nil)
	if p.port.Tag != nil && *p.port.Tag == object.DeadVLAN {
		t.update(tablePort, p.port.UUID, ovsdb.Row{"tag": ovsdb.OvsSet{GoSet: []any{}}})
	}
	return nil
}

func (t *dbChanges) setBridge(b *object.Bridge) error {
	if b.OwnerUID == "" {
		return fmt.Errorf("bridge %s: has no owner", b.Name)
	}
	row := ovsdb.Row{"datapath_type": b.DatapathType, "fail_mode": b.FailMode, "protocols": stringSet(b.Protocols),
		"controller": ovsdb.OvsSet{GoSet: []any{}}, "stp_enable": false, "rstp_enable": false}
	settings := map[any]any{}
	for _, s := range b.Settings {
		settings[s.Key] = s.Value
	}
	old := t.rows.bridges[b.Name]
	if old == nil {
		ids := ovsdb.OvsMap{GoMap: map[any]any{idOwner: b.OwnerUID}}
		i := t.insert(tableInterface, ovsdb.Row{"name": b.Name, "type": "internal"})
		row["ports"] = t.insert(tablePort, ovsdb.Row{"name": b.Name, "interfaces": i})
		row["name"], row["external_ids"], row["other_config"] = b.Name, ids, ovsdb.OvsMap{GoMap: settings}
		t.mutateRoot("bridges", ovsdb.MutateOperationInsert, t.insert(tableBridge, row))
		return nil
	}
	if _, err := t.rows.ownBridge(b.Name); err != nil {
		return fmt.Errorf("%w; give it that key if Weft may have it, or remove it", err)
	}
	t.update(tableBridge, old.UUID, row)
	t.setIDs(tableBridge, old.UUID, old.ExternalIDs, map[string]string{idOwner: b.OwnerUID})
	var stale []any
	for k := range settings {
		if v, there := old.OtherConfig[k.(string)]; there && v != settings[k] {
			stale = append(stale, k)
		}
	}
	t.mutateMap(tableBridge, old.UUID, "other_config", stale, settings)
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
		p, ok := t.rows.db.rows.Table(tablePort).Row(uuid).(*portRow)
		if !ok || p.Name == b.Name {
			continue
		}
		if v, ok := t.rows.view(p, t.rows.db.rows.Table(tableInterface).Row); !ok || !v.created() {
			strangers = append(strangers, p.Name)
		}
	}
	if len(strangers) > 0 {
		slices.Sort(strangers)
		return fmt.Errorf("bridge %s: not removed, it has ports that Weft did not create: %q", name, strangers)
	}
	t.mutateRoot("bridges", ovsdb.MutateOperationDelete, ovsdb.UUID{GoUUID: b.UUID})
	return nil
}

func (t *dbChanges) mutateRoot(column string, how ovsdb.Mutator, value any) {
	if u, ok := value.(ovsdb.UUID); ok {
		value = ovsdb.OvsSet{GoSet: []any{u}}
	}
	t.ops = append(t.ops, ovsdb.Operation{Op: ovsdb.OperationMutate, Table: tableRoot, Where: whereUUID(t.rows.db.root().UUID),
		Mutations: []ovsdb.Mutation{{Column: column, Mutator: how, Value: value}}})
}

// finish returns the whole transaction: the changes, and the lists of ports on bridges. If the switch has something to carry out,
// the transaction also raises next_cfg and reads it back as the last result. It is not raised otherwise, because raising it makes
// the switch go through all ports.
func (t *dbChanges) finish() []ovsdb.Operation {
	for _, m := range []struct {
		how   ovsdb.Mutator
		ports map[string][]any
	}{{ovsdb.MutateOperationDelete, t.unplug}, {ovsdb.MutateOperationInsert, t.plug}} {
		for bridge, ports := range m.ports {
			t.carried = true
			t.ops = append(t.ops, ovsdb.Operation{Op: ovsdb.OperationMutate, Table: tableBridge, Where: whereUUID(bridge),
				Mutations: []ovsdb.Mutation{{Column: "ports", Mutator: m.how, Value: ovsdb.OvsSet{GoSet: ports}}}})
		}
	}
	if len(t.ops) == 0 || !t.carried {
		return t.ops
	}
	t.mutateRoot("next_cfg", ovsdb.MutateOperationAdd, 1)
	return append(t.ops, ovsdb.Operation{Op: ovsdb.OperationSelect, Table: tableRoot, Columns: []string{"next_cfg"}, Where: []ovsdb.Condition{}})
}

func whereUUID(uuid string) []ovsdb.Condition {
	return []ovsdb.Condition{{Column: "_uuid", Function: ovsdb.ConditionEqual, Value: ovsdb.UUID{GoUUID: uuid}}}
}

func stringSet(texts []string) ovsdb.OvsSet {
	set := ovsdb.OvsSet{GoSet: []any{}}
	for _, s := range texts {
		set.GoSet = append(set.GoSet, s)
	}
	return set
}

// transactionError is the error of those operations that were refused.
func transactionError(results []ovsdb.OperationResult, ops []ovsdb.Operation) error {
	failed, err := ovsdb.CheckOperationResults(results, ops)
	if err == nil {
		return nil
	}
	errs := []error{err}
	for _, f := range failed {
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}
