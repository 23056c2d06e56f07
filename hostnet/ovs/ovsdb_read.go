package ovs

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ovn-kubernetes/libovsdb/model"

	"weft/hostnet/object"
)

// portView is one port with its interface and bridge.
type portView struct {
	bridge *bridgeRow
	port   *portRow
	iface  *interfaceRow
}

// owner is the uid that both rows carry. It is "" if one of them lacks it, so that it is set again.
func (p portView) owner() string {
	if o := id(p.iface.ExternalIDs, idOwner); o == id(p.port.ExternalIDs, idOwner) {
		return o
	}
	return ""
}

// ours says that Weft created or adopted the port.
func (p portView) ours() bool {
	return id(p.iface.ExternalIDs, idOwner) != "" || id(p.port.ExternalIDs, idOwner) != ""
}

func (p portView) created() bool {
	return p.ours() && (p.iface.ExternalIDs[idCreated] == "true" || p.port.ExternalIDs[idCreated] == "true")
}

func (p portView) uplink() bool { return id(p.iface.ExternalIDs, idPhysicalNetwork) != "" }

// mtuRequest is the MTU that the switch was asked to keep on the device. 0 means none.
func (p portView) mtuRequest() int {
	if p.iface.MTURequest == nil {
		return 0
	}
	return *p.iface.MTURequest
}

func (p portView) local() bool { return p.bridge.Name == p.port.Name }

// rows is a look at the database. Which ports are on which bridge is as of read. Ports and interfaces are as of each question.
// The rows are shared with the cache and only read.
type rows struct {
	bridges map[string]*bridgeRow // by name
	byPort  map[string]*bridgeRow // by the port's UUID
	db      *database
}

// read looks at the bridges. The cache never changes a row but replaces it. So the bridges are unchanged if their rows are the
// same, and then the last look is used again.
func (db *database) read() *rows {
	all := db.rows.Table(tableBridge).RowsShallow()
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.last != nil && db.last.of(all) {
		return db.last
	}
	r := &rows{bridges: map[string]*bridgeRow{}, byPort: map[string]*bridgeRow{}, db: db}
	for _, m := range all {
		b := m.(*bridgeRow)
		r.bridges[b.Name] = b
		for _, p := range b.Ports {
			r.byPort[p] = b
		}
	}
	db.last = r
	return r
}

// fence returns when the rows show everything that the server knew before the call. The server sends pending updates before its
// answer.
func (db *database) fence(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := db.client.Echo(ctx); err != nil {
		return fmt.Errorf("%w: %w", errDatabaseLost, err)
	}
	return nil
}

// of says whether this look was made from exactly these rows of bridges.
func (r *rows) of(all map[string]model.Model) bool {
	if len(all) != len(r.bridges) {
		return false
	}
	for _, m := range all {
		if b := m.(*bridgeRow); r.bridges[b.Name] != b {
			return false
		}
	}
	return true
}

// ownBridge returns a bridge that is ours.
func (r *rows) ownBridge(name string) (*bridgeRow, error) {
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
func (r *rows) port(name string) (portView, bool) {
	_, m, err := r.db.rows.Table(tablePort).RowByModel(&portRow{Name: name})
	if err != nil || m == nil {
		return portView{}, false
	}
	return r.view(m.(*portRow), r.db.rows.Table(tableInterface).Row)
}

// view adds the bridge and the interface to a port.
func (r *rows) view(p *portRow, iface func(uuid string) model.Model) (portView, bool) {
	b := r.byPort[p.UUID]
	if b == nil || len(p.Interfaces) != 1 {
		return portView{}, false
	}
	i, ok := iface(p.Interfaces[0]).(*interfaceRow)
	if !ok || i.Name != p.Name {
		return portView{}, false
	}
	return portView{b, p, i}, true
}

// ports are all ports of the database that have one interface.
func (r *rows) ports() []portView {
	all, ifaces := r.db.rows.Table(tablePort).RowsShallow(), r.db.rows.Table(tableInterface).RowsShallow()
	byUUID := func(uuid string) model.Model { return ifaces[uuid] }
	out := make([]portView, 0, len(all))
	for _, m := range all {
		if v, ok := r.view(m.(*portRow), byUUID); ok {
			out = append(out, v)
		}
	}
	return out
}

// object is what the key names now, or nil. An OVS port without marks is found too, because it may have to be adopted.
func (r *rows) object(key object.Key) object.Object {
	switch key.Kind {
	case object.KindBridge:
		if b, err := r.ownBridge(key.Name); err == nil {
			return r.bridge(b)
		}
	case object.KindUplink:
		if p, ok := r.port(key.Name); ok && !p.local() && (p.uplink() || !p.ours()) {
			return &object.Uplink{OwnerUID: p.owner(), Bridge: p.bridge.Name, Device: p.port.Name,
				PhysicalNetwork: id(p.iface.ExternalIDs, idPhysicalNetwork), MTURequest: p.mtuRequest()}
		}
	case object.KindSession:
		if p, ok := r.port(key.Name); ok {
			if s := r.sessionOf(p); s != nil {
				return s
			}
		}
	case object.KindOVSPort:
		if p, ok := r.port(key.Name); ok && !p.local() && !p.uplink() && p.session() == "" {
			return guestPort(p)
		}
	}
	return nil
}

func guestPort(p portView) *object.OVSPort {
	o := &object.OVSPort{OwnerUID: p.owner(), Bridge: p.bridge.Name, Device: p.port.Name, Adopted: !p.created(),
		InterfaceID: id(p.iface.ExternalIDs, idInterface), MAC: id(p.iface.ExternalIDs, idAttachedMAC), MTURequest: p.mtuRequest()}
	if p.port.Tag != nil {
		o.Tag = uint16(*p.port.Tag) // the schema limits it to 4095
	}
	return o
}

func (r *rows) bridge(b *bridgeRow) *object.Bridge {
	o := &object.Bridge{OwnerUID: id(b.ExternalIDs, idOwner), Name: b.Name, DatapathType: cmp.Or(b.DatapathType, "system"),
		Protocols: slices.Clone(b.Protocols), SpanningTree: b.STP || b.RSTP}
	if b.FailMode != nil {
		o.FailMode = *b.FailMode
	}
	for _, k := range slices.Sorted(maps.Keys(b.OtherConfig)) {
		o.Settings = append(o.Settings, object.Setting{Key: k, Value: b.OtherConfig[k]})
	}
	for _, u := range b.Controller {
		target := u
		if c, ok := r.db.rows.Table(tableController).Row(u).(*controllerRow); ok {
			target = c.Target
		}
		o.Controllers = append(o.Controllers, target)
	}
	return o
}

// keys lists everything in the database that is ours.
func (r *rows) keys() []object.Key {
	var out []object.Key
	for name, b := range r.bridges {
		if id(b.ExternalIDs, idOwner) != "" {
			out = append(out, object.Key{Kind: object.KindBridge, Name: name})
		}
	}
	for _, p := range r.ports() {
		if k, ours := p.key(); ours && (k.Kind != object.KindSession || k.Name == p.port.Name || !r.carried(k.Name)) {
			out = append(out, k)
		}
	}
	return out
}

// carried says that the port that carries a session exists. Then the session's other port need not be listed too.
func (r *rows) carried(session string) bool {
	p, ok := r.port(session)
	return ok && p.session() == session
}

// key is the key of the object that a port of ours belongs to.
func (p portView) key() (k object.Key, ours bool) {
	switch {
	case !p.ours() || p.local():
		return k, false
	case p.uplink():
		return object.Key{Kind: object.KindUplink, Name: p.port.Name}, true
	case p.session() != "":
		return object.Key{Kind: object.KindSession, Name: p.session()}, true
	}
	return object.Key{Kind: object.KindOVSPort, Name: p.port.Name}, true
}

// owns says whether what the key names in the database is ours.
func (r *rows) owns(k object.Key) bool {
	if k.Kind == object.KindBridge {
		_, err := r.ownBridge(k.Name)
		return err == nil
	}
	p, there := r.port(k.Name)
	if !there {
		return false
	}
	is, ours := p.key()
	return ours && is == k
}

// facts adds every interface, whoever made it, and every bridge that is not ours.
func (r *rows) facts(into *object.Facts, sessions *settling) {
	for _, p := range r.ports() {
		into.Interfaces[p.iface.Name] = p.facts(sessions)
	}
	r.bridgeFacts(into)
}

// deviceFacts sets the facts of these interfaces and removes those that do not exist any more. It looks at all bridges, because
// they are few.
func (r *rows) deviceFacts(devices []string, into *object.Facts, sessions *settling) {
	for _, name := range devices {
		if p, there := r.port(name); there {
			into.Interfaces[name] = p.facts(sessions)
		} else {
			delete(into.Interfaces, name)
		}
	}
	clear(into.ForeignBridges)
	r.bridgeFacts(into)
}

func (p portView) facts(sessions *settling) object.InterfaceFacts {
	f := object.InterfaceFacts{Bridge: p.bridge.Name, Error: p.problem(), InterfaceID: id(p.iface.ExternalIDs, idInterface),
		AttachedMAC: id(p.iface.ExternalIDs, idAttachedMAC), Row: p.iface.UUID, OwnerUID: id(p.iface.ExternalIDs, idOwner), Created: p.created(), Session: sessions.facts(p)}
	if n := p.iface.OFPort; n != nil && *n > 0 {
		f.OFPort = uint32(*n)
	}
	return f
}

func (r *rows) bridgeFacts(into *object.Facts) {
	for name, b := range r.bridges {
		if id(b.ExternalIDs, idOwner) == "" {
			into.ForeignBridges[name] = fmt.Sprintf("an Open vSwitch bridge %s is there already, without external_ids:%s", name, idOwner)
		}
	}
}

// maxProblem bounds an error text of the switch.
const maxProblem = 500

// problem says why the switch could not open the device. It is "" if the device is open or was not tried yet.
func (p portView) problem() string {
	switch {
	case p.iface.Error != nil && *p.iface.Error != "":
		return (*p.iface.Error)[:min(len(*p.iface.Error), maxProblem)]
	case p.iface.OFPort != nil && *p.iface.OFPort < 0:
		return "the switch could not open the device"
	}
	return ""
}

// settled says that the switch has opened the device or has given up.
func (p portView) settled() bool { return p.iface.OFPort != nil || p.problem() != "" }
