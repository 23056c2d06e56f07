// Package ovs is the driver for Open vSwitch: bridges, uplinks and guest ports in its database (OVSDB, RFC 7047), flow
// sets in its OpenFlow tables.
//
// Invariants: what carries external_ids:weft-owner, or a flow cookie of ours, is ours, and nothing else is changed or
// removed; a batch is one database transaction and one flow bundle per bridge; nothing counts as done before the switch
// itself has reported it; observing reads a view that the database's and the flows' monitors keep current, and never asks
// the switch.
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
	// DatapathType is what bridges of ours use: "system" or "netdev". It is only passed on as a fact.
	DatapathType string
	// Links is the cache of the switch's devices. The caller closes it after the driver.
	Links *netlink.Links
	// Inside runs a function in the network namespace of the switch's devices; nil: the caller is there.
	Inside func(func() error) error
	// Log gets lost and regained connections; slog's default when nil.
	Log *slog.Logger
}

// Driver implements the engine's driver for the kinds bridge, uplink, ovs-port, bfd-session and flow-set. Sync, Observe, Ours, Facts
// and Apply are called from one goroutine, Watch runs in another; without Watch they work too, only the view is then as
// of the last Sync or Apply.
type Driver struct {
	cfg    Config
	flows  flowTransport
	events *eventBox
	// sources tells whose guests are not heard, learned whose link-local addresses are used up.
	sources *sources
	learned *learnedAddresses
	// sessions tells what the BFD sessions' states mean.
	sessions *settling
	// devices tells which of the ports' devices the switch has open.
	devices *devices

	dialing sync.Mutex // held while connecting

	mu    sync.Mutex
	db    *database            // nil before the first connection
	views map[string]*flowView // of every bridge of ours
}

// New makes a driver; it connects at the first use. Close ends it.
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
		db.close()
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

// connected returns the connection to the database, a new one if there is none or the last is lost.
func (d *Driver) connected(ctx context.Context) (*database, error) {
	d.dialing.Lock()
	defer d.dialing.Unlock()
	d.mu.Lock()
	db := d.db
	d.mu.Unlock()
	if db != nil && !db.lost() {
		return db, nil
	}
	if db != nil {
		db.close()
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

// syncBridges makes the set of flow views that of the bridges that are ours. A bridge made again is another: it has another
// row, and none of the flows it had.
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

// database is the connection as it is now, lost or not; nil before the first.
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

// Sync implements the engine's driver: it reads every flow of our bridges, but for those that Watch has just read and told
// of by Resync; the database's rows are complete whenever there is a connection.
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
		if v.takeFresh() { // the look that the monitor's Resync asks for is the one it was told of
			continue
		}
		if err := errors.Join(d.refreshFlows(ctx, name, v, nil), d.readFragments(ctx, name, v)); err != nil {
			errs = append(errs, fmt.Errorf("bridge %s: %w", name, err))
			continue
		}
		d.sessions.base(name, len(v.cookies()) > 0, db.read())
		if err := errors.Join(d.readSources(ctx, name), d.readLearned(ctx, name)); err != nil { // nothing stands on it but a warning
			d.cfg.Log.Warn("open vswitch: counters cannot be read", "bridge", name, "error", err)
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

// observed is what a key names now with what the database does not say of it, or nil.
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
	if err := db.fence(ctx); err != nil {
		return nil, fmt.Errorf("open vswitch: %w", err)
	}
	out, _ = d.look(db.read(), keys)
	return out, nil
}

// look returns what the keys name as far as is known. lost says that the switch does not hold a port's device as it should: of a
// port that somebody has just removed the device may tell sooner than the database.
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

// Ours implements the engine's driver. A cookie in our tables that is not ours is among them.
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

// OursAmong implements the engine's OwnerOf: it lists those of the keys that are ours, without looking at anything else.
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

// Facts implements the engine's driver. Without a connection it adds nothing of the interfaces.
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

// Apply implements the engine's driver: the database's changes as one transaction, then the flows' as one bundle per
// bridge.
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
