package ovs

import (
	"fmt"

	"weft/hostnet/object"
	"weft/hostnet/ovsdb"
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
		m = append(m, ovsdb.Exclude(column, ovsdb.SetOf(stale...)))
	}
	if len(set) > 0 {
		m = append(m, ovsdb.Include(column, ovsdb.Map{GoMap: set}))
	}
	if len(m) > 0 {
		t.ops = append(t.ops, ovsdb.Mutate(table, ovsdb.WhereUUID(uuid), m...))
	}
}

func (t *dbChanges) update(table, uuid string, row ovsdb.Columns) {
	t.ops = append(t.ops, ovsdb.Update(table, ovsdb.WhereUUID(uuid), row))
}

// insert appends a row and returns its name within the transaction.
func (t *dbChanges) insert(table string, row ovsdb.Columns) ovsdb.UUID {
	t.names++
	name := fmt.Sprintf("row%d", t.names)
	t.ops = append(t.ops, ovsdb.Insert(table, name, row))
	return ovsdb.UUID{GoUUID: name}
}

// finish returns all changes with the lists of ports on bridges. After it, carried is final.
func (t *dbChanges) finish() []ovsdb.Operation {
	for _, m := range []struct {
		how   func(column string, value any) ovsdb.Mutation
		ports map[string][]any
	}{{ovsdb.Exclude, t.unplug}, {ovsdb.Include, t.plug}} {
		for bridge, ports := range m.ports {
			t.carried = true
			t.ops = append(t.ops, ovsdb.Mutate(ovsdb.TableBridge, ovsdb.WhereUUID(bridge), m.how("ports", ovsdb.SetOf(ports...))))
		}
	}
	return t.ops
}

// dbChange is one change and the index of its error.
type dbChange struct {
	at     int
	change object.Change
}
