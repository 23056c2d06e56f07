package ovs

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
	"weft/hostnet/ovsdb"
	"weft/hostnet/ovsdb/ovsdbtest"
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
	ovsdbtest.ServeSwitch(t, filepath.Join(dir, "db.sock"))
	links, err := netlink.OpenLinks(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{t: t, flows: newMemoryFlows()}
	m.d = New(Config{Links: links, RunDir: dir, DatapathType: "netdev", Log: slog.New(slog.DiscardHandler)})
	m.d.flows.close()
	m.d.flows = m.flows
	changed := make(chan struct{}, 1)
	if m.db, err = dialDatabase(t.Context(), dir, func(*ovsdb.Client, ovsdb.Row, ovsdb.Row) { signal(changed) }); err != nil {
		t.Fatal(err)
	}
	m.somebody(ovsdb.Insert(ovsdb.TableRoot, "", ovsdb.Columns{}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-changed:
				m.carryOut()
			case <-m.db.Gone():
				return
			}
		}
	}()
	t.Cleanup(func() {
		m.d.Close()
		m.db.Close()
		<-done
		if err := links.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// carryOut does what ovs-vswitchd does after a transaction: every interface gets its number, or the reason why it has none.
func (m *memory) carryOut() {
	root := m.db.Root()
	if root.NextCfg <= root.CurCfg {
		return
	}
	var ops []ovsdb.Operation
	taken := 0
	ifaces := ovsdb.All[*ovsdb.Interface](m.db.Client)
	for i := range ifaces.Each() {
		if n := i.OFPort; n != nil && *n < portLocal {
			taken = max(taken, *n)
		}
	}
	write := func(table, uuid string, row ovsdb.Columns) {
		ops = append(ops, ovsdb.Update(table, ovsdb.WhereUUID(uuid), row))
	}
	for i := range ifaces.Each() {
		switch {
		case i.OFPort != nil:
			continue
		case i.Name == broken:
			write(ovsdb.TableInterface, i.UUID, ovsdb.Columns{"ofport": -1, "error": "could not open network device " + broken})
		case i.Type == "internal":
			write(ovsdb.TableInterface, i.UUID, ovsdb.Columns{"ofport": portLocal})
		default:
			taken++
			write(ovsdb.TableInterface, i.UUID, ovsdb.Columns{"ofport": taken, "link_state": "up"})
		}
	}
	write(ovsdb.TableRoot, root.UUID, ovsdb.Columns{"cur_cfg": root.NextCfg})
	m.transact(ops...)
}

// somebody changes the database as somebody else, and the driver's cache holds it afterwards.
func (m *memory) somebody(ops ...ovsdb.Operation) {
	m.t.Helper()
	m.transact(ops...)
	if db := m.d.database(); db != nil {
		if err := db.Fence(m.t.Context()); err != nil {
			m.t.Error(err)
		}
	}
}

func (m *memory) transact(ops ...ovsdb.Operation) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if _, err := m.db.Transact(ctx, ops); err != nil && !m.db.Lost() {
		m.t.Errorf("%v: %v", ops, err)
	}
}

// set changes columns of the row with this name.
func (m *memory) set(table, name string, row ovsdb.Columns) {
	m.t.Helper()
	m.somebody(ovsdb.Update(table, ovsdb.WhereName(name), row))
}

// named is the set of rows with these UUIDs, or with these names in the transaction.
func named(rows ...string) ovsdb.Set {
	ids := make([]ovsdb.UUID, len(rows))
	for i, r := range rows {
		ids[i] = ovsdb.UUID{GoUUID: r}
	}
	return ovsdb.SetOf(ids...)
}

// plug adds a port to a bridge as somebody else, with these external_ids on its interface.
func (m *memory) plug(bridge, device string, ids map[any]any) {
	m.t.Helper()
	m.somebody(ovsdb.Insert(ovsdb.TableInterface, "i", ovsdb.Columns{"name": device, "external_ids": ovsdb.Map{GoMap: ids}}),
		ovsdb.Insert(ovsdb.TablePort, "p", ovsdb.Columns{"name": device, "interfaces": ovsdb.UUID{GoUUID: "i"}}),
		ovsdb.Mutate(ovsdb.TableBridge, ovsdb.WhereName(bridge), ovsdb.Include("ports", named("p"))),
		m.db.MutateRoot(ovsdb.Increase("next_cfg", 1)))
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
