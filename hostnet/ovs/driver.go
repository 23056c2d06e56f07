// Package ovs is the driver for Open vSwitch. Bridges, uplinks, guest ports and BFD sessions are in its database (OVSDB, RFC
// 7047). Flow sets are in its OpenFlow tables.
//
// Invariants:
//   - What carries external_ids:weft-owner or a flow cookie of ours is ours. Foreign cookies in our tables are removed too.
//     Nothing else is changed or removed.
//   - A batch is one database transaction, and one flow bundle per bridge (several if it only adds many flows).
//   - Nothing counts as done before the switch itself has reported it.
//   - Observe reads a view that the monitors of the database and of the flows keep current. It does not ask the switch.
package ovs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
)

// Config says where Open vSwitch is.
type Config struct {
	// RunDir is its run directory with db.sock and <bridge>.mgmt (usually /var/run/openvswitch).
	RunDir string
	// DatapathType is what our bridges use: "system" or "netdev". The driver only passes it on as a fact.
	DatapathType string
	// Links is the cache of the switch's devices. The caller closes it after it has closed the driver.
	Links *netlink.Links
	// Inside runs a function in the network namespace of the switch's devices. If nil, the caller is in that namespace.
	Inside func(func() error) error
	// Log gets lost and regained connections. If nil, slog's default is used.
	Log *slog.Logger
}

// Driver implements the engine's driver for the kinds bridge, uplink, ovs-port, bfd-session and flow-set. One goroutine calls
// Sync, Observe, Ours, Facts and Apply. Watch runs in another. Without Watch they work too, but the view is then as of the last
// Sync or Apply.
type Driver struct {
	cfg    Config
	flows  flowTransport
	events *eventBox
	// sources knows which guests' frames are all dropped. learned knows which ports have used up their link-local addresses.
	sources *sources
	learned *learnedAddresses
	// sessions knows whether the states of the BFD sessions are meaningful yet.
	sessions *settling
	// devices knows which of the ports' devices the switch has open.
	devices *devices

	dialing sync.Mutex // held while connecting

	mu    sync.Mutex
	db    *database            // nil before the first connection
	views map[string]*flowView // one for every bridge of ours
}

// New makes a driver. It connects at its first use. Close ends it.
func New(cfg Config) *Driver {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Driver{cfg: cfg, flows: newDirect(cfg.RunDir), events: newEventBox(), sessions: newSettling(), sources: newSources(),
		learned: newLearnedAddresses(),
		devices: newDevices(cfg.Links, cfg.Inside), views: map[string]*flowView{}}
}

// Close ends the connections to the database and to the switch. Watch must have returned.
func (d *Driver) Close() {
	d.mu.Lock()
	db := d.db
	d.db = nil
	d.mu.Unlock()
	if db != nil {
		db.Close()
	}
	d.flows.close()
	d.devices.listener.Close()
}

// Name implements the engine's driver.
func (d *Driver) Name() string { return "ovs" }

// Kinds implements the engine's driver.
func (d *Driver) Kinds() []object.Kind {
	return []object.Kind{object.KindBridge, object.KindUplink, object.KindOVSPort, object.KindSession, object.KindFlowSet}
}

// connected returns the connection to the database. It makes a new one if there is none or the last one is lost.
func (d *Driver) connected(ctx context.Context) (*database, error) {
	d.dialing.Lock()
	defer d.dialing.Unlock()
	d.mu.Lock()
	db := d.db
	d.mu.Unlock()
	if db != nil && !db.Lost() {
		return db, nil
	}
	if db != nil {
		db.Close()
	}
	db, err := dialDatabase(ctx, d.cfg.RunDir, d.events.rowChanged)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.db = db
	d.mu.Unlock()
	d.syncBridges(db)
	return db, nil
}

// syncBridges keeps one flow view for each bridge of ours. A bridge that was deleted and made again gets a new view, because it
// has another row and none of its old flows.
func (d *Driver) syncBridges(db *database) {
	own := map[string]string{}
	for name, b := range db.read().bridges {
		if id(b.ExternalIDs, idOwner) != "" {
			own[name] = b.UUID
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, v := range d.views {
		if own[name] != v.bridgeUUID {
			delete(d.views, name)
			d.events.put(true, nil)
			d.events.bridgesChanged()
		}
	}
	for name, uuid := range own {
		if d.views[name] == nil {
			d.views[name] = newFlowView(uuid)
			d.events.bridgesChanged()
		}
	}
}

// database is the current connection, lost or not. It is nil before the first one.
func (d *Driver) database() *database {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.db
}

func (d *Driver) flowViewOf(bridge string) *flowView {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.views[bridge]
}

func (d *Driver) flowViews() map[string]*flowView {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[string]*flowView, len(d.views))
	for name, v := range d.views {
		out[name] = v
	}
	return out
}

// Sync implements the engine's driver. It reads every flow of our bridges, except of those bridges that Watch has just read and
// reported by Resync. The rows of the database are complete whenever there is a connection.
func (d *Driver) Sync(ctx context.Context) error {
	db, err := d.connected(ctx)
	if err != nil {
		return fmt.Errorf("open vswitch: %w", err)
	}
	d.syncBridges(db)
	if err := d.devices.read(ctx); err != nil {
		return fmt.Errorf("open vswitch: %w", err)
	}
	var errs []error
	for name, v := range d.flowViews() {
		if !v.ports.isLive() {
			if err := d.readPorts(ctx, name, v, nil); err != nil {
				errs = append(errs, fmt.Errorf("bridge %s: reading ports: %w", name, err))
			}
		}
		if v.takeFresh() { // Watch has just read this bridge, and its Resync asked for this Sync
			continue
		}
		if err := errors.Join(d.refreshFlows(ctx, name, v, nil), d.readFragments(ctx, name, v)); err != nil {
			errs = append(errs, fmt.Errorf("bridge %s: %w", name, err))
			continue
		}
		d.sessions.base(name, len(v.cookies()) > 0, db.read())
		if err := errors.Join(d.readSources(ctx, name), d.readLearned(ctx, name)); err != nil { // only a warning depends on it
			d.cfg.Log.Warn("open vswitch: cannot read counters", "bridge", name, "error", err)
		}
	}
	return errors.Join(errs...)
}

func (d *Driver) readFragments(ctx context.Context, bridge string, v *flowView) error {
	mode, err := d.flows.fragments(ctx, bridge)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fragments = mode
	return nil
}

// observed is the object that the key names, or nil. It includes what the database does not contain.
func (d *Driver) observed(r *rows, k object.Key) object.Object {
	o := r.object(k)
	switch o := o.(type) {
	case *object.Bridge:
		if v := d.flowViewOf(o.Name); v != nil {
			v.mu.Lock()
			defer v.mu.Unlock()
			o.Fragments = v.fragments
			o.LocalConfig = v.ports.config(openflow.PortLocal)
		}
	case *object.Uplink:
		if p, ok := r.port(k.Name); ok {
			o.Attachment, o.Config = d.attachment(p), d.portConfig(p)
		}
	case *object.OVSPort:
		if p, ok := r.port(k.Name); ok {
			o.Attachment, o.Config = d.attachment(p), d.portConfig(p)
		}
	case *object.Session:
		for _, device := range []string{o.Device, o.Wire} {
			if p, ok := r.port(device); ok && d.portConfig(p) != "" {
				o.Deviations = append(o.Deviations, device+" is "+d.portConfig(p))
			}
		}
	}
	return o
}

// Observe implements the engine's driver.
func (d *Driver) Observe(ctx context.Context, keys []object.Key) ([]object.Object, error) {
	db, err := d.connected(ctx)
	if err != nil {
		return nil, fmt.Errorf("open vswitch: %w", err)
	}
	out, lost := d.look(db.read(), keys)
	if !lost {
		return out, nil
	}
	if err := db.Fence(ctx); err != nil {
		return nil, fmt.Errorf("open vswitch: %w", err)
	}
	out, _ = d.look(db.read(), keys)
	return out, nil
}

// look returns the objects of the keys as far as they are known. lost says that the switch does not have a port's device open as
// it should. If somebody has just removed a port, the device's change may arrive before the database's.
func (d *Driver) look(r *rows, keys []object.Key) (out []object.Object, lost bool) {
	for _, k := range keys {
		if k.Kind == object.KindFlowSet {
			if o := d.flowSet(r, k); o != nil {
				out = append(out, o)
			}
			continue
		}
		switch o := d.observed(r, k).(type) {
		case nil:
		case *object.Uplink:
			out, lost = append(out, o), lost || o.Attachment != ""
		case *object.OVSPort:
			out, lost = append(out, o), lost || o.Attachment != ""
		default:
			out = append(out, o)
		}
	}
	return out, lost
}

// flowSet returns the flow set of a key (object.FlowSetName), or nil.
func (d *Driver) flowSet(r *rows, k object.Key) *object.FlowSet {
	bridge, text, _ := strings.Cut(k.Name, "/")
	cookie, err := strconv.ParseUint(text, 0, 64)
	v := d.flowViewOf(bridge)
	if b := r.bridges[bridge]; err != nil || v == nil || b == nil || b.UUID != v.bridgeUUID {
		return nil
	}
	flows, ok := v.flows(cookie)
	if !ok {
		return nil
	}
	return &object.FlowSet{Bridge: bridge, Cookie: cookie, Flows: flows}
}

// Ours implements the engine's driver. It includes foreign cookies in our tables.
func (d *Driver) Ours(ctx context.Context) ([]object.Key, error) {
	db, err := d.connected(ctx)
	if err != nil {
		return nil, fmt.Errorf("open vswitch: %w", err)
	}
	keys := db.read().keys()
	for name, v := range d.flowViews() {
		for _, c := range v.cookies() {
			keys = append(keys, object.Key{Kind: object.KindFlowSet, Name: object.FlowSetName(name, c)})
		}
	}
	return keys, nil
}

// OursAmong implements the engine's OwnerOf. It lists those of the keys that are ours and looks at nothing else.
func (d *Driver) OursAmong(ctx context.Context, keys []object.Key) ([]object.Key, error) {
	db, err := d.connected(ctx)
	if err != nil {
		return nil, fmt.Errorf("open vswitch: %w", err)
	}
	r := db.read()
	var out []object.Key
	for _, k := range keys {
		if k.Kind == object.KindFlowSet && d.flowSet(r, k) != nil || k.Kind != object.KindFlowSet && r.owns(k) {
			out = append(out, k)
		}
	}
	return out, nil
}

// Facts implements the engine's driver. Without a connection it adds no interfaces.
func (d *Driver) Facts(into *object.Facts) {
	into.DatapathType = d.cfg.DatapathType
	if into.Interfaces == nil {
		into.Interfaces = map[string]object.InterfaceFacts{}
	}
	if into.ForeignBridges == nil {
		into.ForeignBridges = map[string]string{}
	}
	if db := d.database(); db != nil {
		d.sessions.look(db.read(), time.Now())
		db.read().facts(into, d.sessions)
	}
}

// DeviceFacts implements the engine's interface of that name.
func (d *Driver) DeviceFacts(devices []string, into *object.Facts) {
	into.DatapathType = d.cfg.DatapathType
	if db := d.database(); db != nil {
		db.read().deviceFacts(devices, into, d.sessions)
	}
}

// Apply implements the engine's driver. It first makes the database's changes in one transaction, then the flows' changes in one
// bundle per bridge.
func (d *Driver) Apply(ctx context.Context, changes []object.Change) []error {
	errs := make([]error, len(changes))
	var rows []dbChange
	flows := map[string][]flowChange{}
	for i, c := range changes {
		if c.Key().Kind != object.KindFlowSet {
			rows = append(rows, dbChange{i, c})
			continue
		}
		f, err := newFlowChange(i, c)
		if err != nil {
			errs[i] = err
			continue
		}
		flows[f.bridge] = append(flows[f.bridge], f)
	}
	if len(rows) > 0 {
		d.applyDatabase(ctx, rows, errs)
	}
	for bridge, f := range flows {
		d.applyFlows(ctx, bridge, f, errs)
	}
	return errs
}
