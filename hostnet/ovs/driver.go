// Package ovs is the driver for Open vSwitch. Bridges, uplinks, guest ports and BFD sessions are in its database (OVSDB, RFC
// 7047). Flow sets are in its OpenFlow tables.
//
// Invariants:
//   - What carries external_ids:weft-owner or a flow cookie of ours is ours. Foreign cookies in our tables are removed too.
//     Nothing else is changed or removed.
//   - A batch is one database transaction, and one flow bundle per bridge (several if it only adds many flows).
//   - Nothing counts as done before the switch itself has reported it.
//   - Observe reads a cache that the monitors of the database and of the flows keep current. It does not ask the switch.
package ovs

import (
	"context"
	"log/slog"
	"sync"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
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

// Driver implements the engine's driver for the kinds bridge, uplink, ovs-port, bfd-session, meter and flow-set. One goroutine calls
// Sync, Observe, Ours, Facts and Apply. Watch runs in another. Without Watch they work too, but the cache is then as of the last
// Sync or Apply.
type Driver struct {
	cfg    Config
	flows  flowTransport
	events *eventBox
	// sources knows which guests' frames are all dropped. learned knows which ports have used up their link-local addresses.
	sources *sources
	learned *learnedAddresses
	// rejections counts rejected frames.
	rejections *rejections
	// sessions knows whether the states of the BFD sessions are meaningful yet.
	sessions *convergence
	// devices knows which of the ports' devices the switch has open.
	devices *devices

	dialing sync.Mutex // held while connecting

	mu     sync.Mutex
	db     *database             // nil before the first connection
	caches map[string]*flowCache // one for every bridge of ours
}

// New makes a driver. It connects at its first use. Close ends it.
func New(cfg Config) *Driver {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Driver{cfg: cfg, flows: newDirect(cfg.RunDir), events: newEventBox(), sessions: newConvergence(), sources: newSources(),
		learned: newLearnedAddresses(), rejections: &rejections{},
		devices: newDevices(cfg.Links, cfg.Inside), caches: map[string]*flowCache{}}
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
	return []object.Kind{object.KindBridge, object.KindUplink, object.KindOVSPort, object.KindSession, object.KindMeter,
		object.KindFlowSet}
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

// syncBridges keeps one flow cache for each bridge of ours. A bridge that was deleted and made again gets a new cache, because it
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
	for name, v := range d.caches {
		if own[name] != v.bridgeUUID {
			delete(d.caches, name)
			d.events.put(true, nil)
			d.events.bridgesChanged()
		}
	}
	for name, uuid := range own {
		if d.caches[name] == nil {
			d.caches[name] = newFlowCache(uuid)
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

func (d *Driver) flowCacheOf(bridge string) *flowCache {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.caches[bridge]
}

func (d *Driver) flowCaches() map[string]*flowCache {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[string]*flowCache, len(d.caches))
	for name, v := range d.caches {
		out[name] = v
	}
	return out
}
