package ovs

import (
	"context"
	"fmt"
	"sync"

	"weft/hostnet/ovsdb"
)

// database is one connection to the database of Open vSwitch, with the last look at its bridges.
type database struct {
	ovsdb.Switch

	mu   sync.Mutex
	last *rows // what read found last; nil before the first time
}

// dialDatabase connects. From then on it calls on for every change of a row.
func dialDatabase(ctx context.Context, rundir string, on ovsdb.Observer) (*database, error) {
	s, err := ovsdb.DialSwitch(ctx, rundir, on)
	if err != nil {
		return nil, err
	}
	return &database{Switch: s}, nil
}

// rows is a look at the database. Which ports are on which bridge is as of read. Ports and interfaces are as of each question.
// The rows are shared with the cache and only read.
type rows struct {
	bridges map[string]*ovsdb.Bridge // by name
	byPort  map[string]*ovsdb.Bridge // by the port's UUID
	db      *database
}

// read looks at the bridges. The cache never changes a row but replaces it. So the bridges are unchanged if their rows are the
// same, and then the last look is used again.
func (db *database) read() *rows {
	all := ovsdb.All[*ovsdb.Bridge](db.Client)
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.last != nil && db.last.of(all) {
		return db.last
	}
	r := &rows{bridges: map[string]*ovsdb.Bridge{}, byPort: map[string]*ovsdb.Bridge{}, db: db}
	for b := range all.Each() {
		r.bridges[b.Name] = b
		for _, p := range b.Ports {
			r.byPort[p] = b
		}
	}
	db.last = r
	return r
}

// of says whether this look was made from exactly these rows of bridges.
func (r *rows) of(all ovsdb.Snapshot[*ovsdb.Bridge]) bool {
	if all.Len() != len(r.bridges) {
		return false
	}
	for b := range all.Each() {
		if r.bridges[b.Name] != b {
			return false
		}
	}
	return true
}

// ownBridge returns a bridge that is ours.
func (r *rows) ownBridge(name string) (*ovsdb.Bridge, error) {
	b := r.bridges[name]
	if b == nil {
		return nil, fmt.Errorf("bridge %s is not there", name)
	}
	if id(b.ExternalIDs, idOwner) == "" {
		return nil, fmt.Errorf("bridge %s is not ours: it has no external_ids:%s", name, idOwner)
	}
	return b, nil
}

// port finds a port with exactly one interface of the same name. So bonds are never guest ports.
func (r *rows) port(name string) (portRecord, bool) {
	p, there := ovsdb.Find(r.db.Client, &ovsdb.Port{Name: name})
	if !there {
		return portRecord{}, false
	}
	return r.record(p, r.iface)
}

// portOf is the port with this UUID.
func (r *rows) portOf(uuid string) (portRecord, bool) {
	p, there := ovsdb.Get[*ovsdb.Port](r.db.Client, uuid)
	if !there {
		return portRecord{}, false
	}
	return r.record(p, r.iface)
}

func (r *rows) iface(uuid string) (*ovsdb.Interface, bool) {
	return ovsdb.Get[*ovsdb.Interface](r.db.Client, uuid)
}

// record adds the bridge and the interface to a port.
func (r *rows) record(p *ovsdb.Port, iface func(uuid string) (*ovsdb.Interface, bool)) (portRecord, bool) {
	b := r.byPort[p.UUID]
	if b == nil || len(p.Interfaces) != 1 {
		return portRecord{}, false
	}
	i, ok := iface(p.Interfaces[0])
	if !ok || i.Name != p.Name {
		return portRecord{}, false
	}
	return portRecord{b, p, i}, true
}

// ports are all ports of the database that have one interface.
func (r *rows) ports() []portRecord {
	all, ifaces := ovsdb.All[*ovsdb.Port](r.db.Client), ovsdb.All[*ovsdb.Interface](r.db.Client)
	out := make([]portRecord, 0, all.Len())
	for p := range all.Each() {
		if v, ok := r.record(p, ifaces.Get); ok {
			out = append(out, v)
		}
	}
	return out
}
