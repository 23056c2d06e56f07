package ovs

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ovn-kubernetes/libovsdb/cache"
	"github.com/ovn-kubernetes/libovsdb/database/inmemory"
	"github.com/ovn-kubernetes/libovsdb/model"
	"github.com/ovn-kubernetes/libovsdb/ovsdb"
	"github.com/ovn-kubernetes/libovsdb/server"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// memory is Open vSwitch in this process: a database server with the columns that the driver reads, a switch that carries out what
// is written there, and flow tables. No device of a port exists in the kernel.
type memory struct {
	t     *testing.T
	d     *Driver
	flows *memoryFlows
	db    *database // the connection of the switch, and of somebody else
	marks int       // changes of the bridge br-mark
}

// broken is a device that the switch cannot open.
const broken = "tapbroken"

func newMemory(t *testing.T) *memory {
	t.Helper()
	dir := t.TempDir()
	serveDatabase(t, filepath.Join(dir, "db.sock"))
	links, err := netlink.OpenLinks(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{t: t, flows: newMemoryFlows()}
	m.d = New(Config{Links: links, RunDir: dir, DatapathType: "netdev", Log: slog.New(slog.DiscardHandler)})
	m.d.flows.close()
	m.d.flows = m.flows
	changed := make(chan struct{}, 1)
	if m.db, err = dialDatabase(t.Context(), dir, func(*cache.TableCache, model.Model, model.Model) { signal(changed) }); err != nil {
		t.Fatal(err)
	}
	m.somebody(insertRow(tableRoot, "", ovsdb.Row{}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-changed:
				m.carryOut()
			case <-m.db.gone:
				return
			}
		}
	}()
	t.Cleanup(func() {
		m.d.Close()
		m.db.close()
		<-done
		if err := links.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// serveDatabase serves an empty database until the test ends.
func serveDatabase(t *testing.T, socket string) {
	t.Helper()
	text, err := os.ReadFile("testdata/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema ovsdb.DatabaseSchema
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	client, err := databaseModel()
	if err != nil {
		t.Fatal(err)
	}
	whole, errs := model.NewDatabaseModel(schema, client)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	s, err := server.NewOvsdbServer(inmemory.NewDatabase(map[string]model.ClientDBModel{"Open_vSwitch": client}, nil), nil, whole)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve("unix", socket) }()
	for !s.Ready() || !listens(socket) {
		select {
		case err := <-served:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	t.Cleanup(func() {
		s.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

func listens(socket string) bool {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// carryOut does what ovs-vswitchd does after a transaction: every interface gets its number, or the reason why it has none.
func (m *memory) carryOut() {
	root := m.db.root()
	if root.NextCfg <= root.CurCfg {
		return
	}
	var ops []ovsdb.Operation
	taken := 0
	for _, row := range m.db.rows.Table(tableInterface).RowsShallow() {
		if n := row.(*interfaceRow).OFPort; n != nil && *n < portLocal {
			taken = max(taken, *n)
		}
	}
	for uuid, row := range m.db.rows.Table(tableInterface).RowsShallow() {
		i := row.(*interfaceRow)
		switch {
		case i.OFPort != nil:
			continue
		case i.Name == broken:
			ops = append(ops, setColumns(tableInterface, uuid, ovsdb.Row{"ofport": -1, "error": "could not open network device " + broken}))
		case i.Type == "internal":
			ops = append(ops, setColumns(tableInterface, uuid, ovsdb.Row{"ofport": portLocal}))
		default:
			taken++
			ops = append(ops, setColumns(tableInterface, uuid, ovsdb.Row{"ofport": taken, "link_state": "up"}))
		}
	}
	m.transact(append(ops, setColumns(tableRoot, root.UUID, ovsdb.Row{"cur_cfg": root.NextCfg}))...)
}

func setColumns(table, uuid string, row ovsdb.Row) ovsdb.Operation {
	return ovsdb.Operation{Op: ovsdb.OperationUpdate, Table: table, Where: whereUUID(uuid), Row: row}
}

// somebody changes the database as somebody else, and the driver's view holds it afterwards.
func (m *memory) somebody(ops ...ovsdb.Operation) {
	m.t.Helper()
	m.transact(ops...)
	if db := m.d.database(); db != nil {
		if err := db.fence(m.t.Context()); err != nil {
			m.t.Error(err)
		}
	}
}

func (m *memory) transact(ops ...ovsdb.Operation) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	results, err := m.db.client.Transact(ctx, ops...)
	if err == nil {
		err = transactionError(results, ops)
	}
	if err != nil && !m.db.lost() {
		m.t.Errorf("%v: %v", ops, err)
	}
}

// set changes columns of the row with this name.
func (m *memory) set(table, name string, row ovsdb.Row) {
	m.t.Helper()
	m.somebody(ovsdb.Operation{Op: ovsdb.OperationUpdate, Table: table, Where: byName(name), Row: row})
}

// insertRow inserts a row with a name within the transaction.
func insertRow(table, name string, row ovsdb.Row) ovsdb.Operation {
	return ovsdb.Operation{Op: ovsdb.OperationInsert, Table: table, UUIDName: name, Row: row}
}

// addTo adds a value to a column of the rows that match.
func addTo(table string, where []ovsdb.Condition, column string, value any) ovsdb.Operation {
	m := ovsdb.Mutation{Column: column, Mutator: ovsdb.MutateOperationInsert, Value: value}
	if _, number := value.(int); number {
		m.Mutator = ovsdb.MutateOperationAdd
	}
	return ovsdb.Operation{Op: ovsdb.OperationMutate, Table: table, Where: where, Mutations: []ovsdb.Mutation{m}}
}

func byName(name string) []ovsdb.Condition {
	return []ovsdb.Condition{{Column: "name", Function: ovsdb.ConditionEqual, Value: name}}
}

// setOf is a set of values for a column. named is the set of one row that the transaction has named.
func setOf(values ...any) ovsdb.OvsSet { return ovsdb.OvsSet{GoSet: values} }

func named(row string) ovsdb.OvsSet { return setOf(ovsdb.UUID{GoUUID: row}) }

// plug adds a port to a bridge as somebody else, with these external_ids on its interface.
func (m *memory) plug(bridge, device string, ids map[any]any) {
	m.t.Helper()
	m.somebody(insertRow(tableInterface, "i", ovsdb.Row{"name": device, "external_ids": ovsdb.OvsMap{GoMap: ids}}),
		insertRow(tablePort, "p", ovsdb.Row{"name": device, "interfaces": ovsdb.UUID{GoUUID: "i"}}),
		addTo(tableBridge, byName(bridge), "ports", named("p")),
		addTo(tableRoot, whereUUID(m.db.root().UUID), "next_cfg", 1))
}

func (m *memory) apply(changes ...object.Change) []error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return m.d.Apply(ctx, changes)
}

// must applies changes that must succeed.
func (m *memory) must(changes ...object.Change) {
	m.t.Helper()
	for i, err := range m.apply(changes...) {
		if err != nil {
			m.t.Fatalf("%s %s: %v", changes[i].Op, changes[i].Key(), err)
		}
	}
}

// observe returns the object of a key, or nil.
func (m *memory) observe(k object.Key) object.Object {
	m.t.Helper()
	o, err := m.d.Observe(m.t.Context(), []object.Key{k})
	if err != nil {
		m.t.Fatal(err)
	}
	if len(o) == 0 {
		return nil
	}
	return o[0]
}

// withBridge is a memory with our bridge.
func withBridge(t *testing.T) *memory {
	t.Helper()
	m := newMemory(t)
	m.must(create(ourBridge()))
	return m
}
