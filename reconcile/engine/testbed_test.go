package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weft/etcdschema"
	"weft/hostnet/fake"
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/compile"
)

const node = "h1"

// testbed is one node in memory: a fake host, an etcd made of maps, and the engine. It runs in a synctest bubble.
type testbed struct {
	t      testing.TB
	host   *fake.Host
	etcd   *memoryEtcd
	dir    string
	config Config
	// wrap makes the engine's drivers of the host's; nil takes them as they are.
	wrap func(*fake.Driver) Driver
	// backend is how the host wires guests.
	backend model.Driver

	engine *Engine
	cancel context.CancelFunc
	done   chan error
	ready  int
}

func newTestbed(t testing.TB, on model.Driver) *testbed {
	b := &testbed{t: t, host: fake.New(), etcd: newMemoryEtcd(), dir: t.TempDir(), backend: on}
	b.config.Backends = compilers()
	b.host.Plug("eth1")
	t.Cleanup(b.stop)
	return b
}

// start runs the engine until it has nothing left to do.
func (b *testbed) start() {
	b.t.Helper()
	var drivers []Driver
	for _, d := range b.host.Drivers() {
		if b.wrap != nil {
			drivers = append(drivers, b.wrap(d))
			continue
		}
		drivers = append(drivers, d)
	}
	c := b.config
	c.Node, c.Version, c.Drivers, c.Store, c.StateDir = node, "test", drivers, b.etcd, b.dir
	c.Follow = b.etcd.follow
	c.Ready = func() { b.ready++ }
	e, err := New(c)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.engine, b.cancel, b.done = e, cancel, make(chan error, 1)
	go func() { b.done <- e.Run(ctx) }()
	if _, timed := b.t.(*testing.T); timed { // a benchmark runs outside of a bubble
		synctest.Wait()
	}
}

// stop ends the engine and waits for it.
func (b *testbed) stop() {
	if b.cancel == nil {
		return
	}
	b.cancel()
	if err := <-b.done; err != nil {
		b.t.Errorf("the engine ended with %v", err)
	}
	b.cancel = nil
}

// restart is a new process on the same host.
func (b *testbed) restart() {
	b.stop()
	b.host.Restart()
	b.start()
}

// settle lets time pass until retries and collected reports are done.
func (b *testbed) settle(d time.Duration) {
	time.Sleep(d) // in the bubble's own time
	synctest.Wait()
}

// converged fails the test unless the host is what the node config says and a second plan is empty.
func (b *testbed) converged() {
	b.t.Helper()
	if why := b.difference(); why != "" {
		b.t.Fatal(why)
	}
}

// difference says how the host differs from what compiling the node config from scratch gives, read from the host itself.
func (b *testbed) difference() string {
	p, err := b.engine.Propose(context.Background())
	if err != nil {
		return err.Error()
	}
	if !p.Plan.Empty() {
		return "a second plan is not empty:\n" + p.Plan.String()
	}
	real := b.host.Objects()
	want := b.wanted()
	for k, o := range want {
		have, there := real[k]
		if !there {
			return k.String() + " is not on the host"
		}
		if d := o.Diff(have); len(d) > 0 {
			return fmt.Sprintf("%s: %v", k, d)
		}
	}
	for _, d := range b.host.Drivers() {
		ours, _ := d.Ours(context.Background())
		for _, k := range ours {
			if want[k] == nil {
				return k.String() + " is stale and still there"
			}
		}
	}
	return ""
}

// wanted compiles all objects from scratch.
func (b *testbed) wanted() map[object.Key]object.Object {
	var facts object.Facts
	for _, d := range b.host.Drivers() {
		d.Facts(&facts)
	}
	config := b.etcd.config()
	in := compile.Input{Config: config, Facts: &facts, Index: compile.NewIndex(config, &facts), Backends: compilers()}
	compiled := compile.Compile
	if b.config.Compile != nil {
		compiled = b.config.Compile
	}
	want := map[object.Key]object.Object{}
	for k := range b.etcd.items() {
		for _, o := range compiled(in, k).Objects {
			want[o.Key()] = o
		}
	}
	return want
}

// node reads what the node reported last.
func (b *testbed) node() etcdschema.NodeReport {
	b.t.Helper()
	return read[etcdschema.NodeReport](b, etcdschema.ActualNode(node))
}

// exception is the exception that the node reported about a uid; empty when there is none.
func (b *testbed) exception(uid string) etcdschema.Exception {
	b.t.Helper()
	return read[etcdschema.BucketReport](b, etcdschema.ActualBucket(node, etcdschema.Bucket(uid))).Exceptions[uid]
}

func read[T any](b *testbed, k etcdschema.Key) T {
	b.t.Helper()
	b.etcd.mu.Lock()
	defer b.etcd.mu.Unlock()
	v, err := etcdschema.Decode[T](b.etcd.actual[k.String()])
	if err != nil {
		b.t.Fatalf("%s: %v", k, err)
	}
	return v
}

// writes counts the changes on the host outside of the reconciler's own process.
func (b *testbed) writes() int {
	sum, by := 0, b.host.Writes()
	for _, d := range b.host.Drivers() {
		if !d.InProcess() {
			sum += by[d.Name()]
		}
	}
	return sum
}

// uuid is a readable uid that compile accepts. The first half differs for each.
func uuid(kind, n int) string { return fmt.Sprintf("%04x%04x-0000-4000-8000-000000000000", kind, n) }

var hostUID = uuid(9, 1)

func networkUID(n int) string { return uuid(1, n) }
func portUID(n int) string    { return uuid(2, n) }
func portKey(n int) desired.Key {
	return desired.Key{Kind: desired.KindPort, UID: portUID(n)}
}

func networkItem(n int) *desired.Network {
	prefix := netip.MustParsePrefix(fmt.Sprintf("10.%d.0.0/16", n))
	return &desired.Network{UID: networkUID(n), Project: "alpha", Name: fmt.Sprint("net", n), Type: model.NetworkTypeVLAN,
		PhysicalNetwork: "physnet1", SegmentationID: uint16(100 + n), MTU: 1500,
		Subnets: []desired.Subnet{{CIDR: model.Prefix{Prefix: prefix}, DHCPServer: model.Address{Addr: prefix.Addr().Next()}}},
		DHCP:    desired.DHCP{MTU: 1500, LeaseSeconds: 3600}}
}

func portItem(n, network int) *desired.Port {
	return &desired.Port{UID: portUID(n), Project: "alpha", Name: fmt.Sprint("port", n), Network: networkUID(network),
		MAC:       model.MAC{0xfa, 0x16, 0x3e, 0, byte(n >> 8), byte(n)},
		Addresses: []model.Address{{Addr: netip.AddrFrom4([4]byte{10, byte(network), byte(1 + n>>8), byte(n)})}},
		Device:    fmt.Sprint("tap", n), InterfaceID: portUID(n), State: desired.StateActive}
}

// externalItem is network 3 with the node's own address on it.
func externalItem() *desired.Network {
	n := networkItem(3)
	n.Gateway = &desired.NodeGateway{Addresses: []netip.Prefix{netip.MustParsePrefix("10.3.0.9/16")},
		NextHops: []model.Address{{Addr: netip.MustParseAddr("10.3.0.254")}}}
	return n
}

// routerItem has interfaces on this many networks, and network 3 as its external network.
func routerItem(interfaces int) *desired.Router {
	r := &desired.Router{UID: uuid(4, 1), Project: "alpha", Name: "way", External: networkUID(3)}
	for n := 1; n <= interfaces; n++ {
		r.Interfaces = append(r.Interfaces, desired.RouterInterface{Network: networkUID(n),
			Addresses: []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("10.%d.255.254/16", n))}})
	}
	return r
}

func floatingItem(n, fixed int) *desired.FloatingIP {
	return &desired.FloatingIP{UID: uuid(5, n), Project: "alpha", Name: fmt.Sprint("floating", n), Network: networkUID(3),
		Address: model.Address{Addr: netip.AddrFrom4([4]byte{10, 3, 1, byte(n)})}, Router: uuid(4, 1), Port: portUID(fixed),
		Fixed: portItem(fixed, 1).Addresses[0]}
}

func neighborsItem(network, entries int) *desired.Neighbors {
	n := &desired.Neighbors{UID: networkUID(network) + "-0", Network: networkUID(network)}
	for i := range entries {
		p := portItem(i+1, network)
		n.Entries = append(n.Entries, desired.Neighbor{Address: p.Addresses[0], MAC: p.MAC})
	}
	return n
}

// memoryEtcd is etcd as one node sees it.
type memoryEtcd struct {
	mu       sync.Mutex
	revision int64
	cluster  uint64
	values   map[string][]byte // desired/ and order/, by relative key
	digest   etcdschema.SetDigest
	fn       func(etcdschema.Batch) error
	told     map[string][]byte // what the follower knows
	away     bool
	actual   map[string][]byte
	reported chan struct{} // gets a token for each report, if there is room
	commits  int
	seen     etcdschema.Seen
}

func newMemoryEtcd() *memoryEtcd {
	return &memoryEtcd{revision: 1, cluster: 7, values: map[string][]byte{}, actual: map[string][]byte{},
		reported: make(chan struct{}, 1)}
}

// follow makes the node's source.
func (m *memoryEtcd) follow(seen etcdschema.Seen) Source {
	m.seen = seen
	return m
}

// Run implements Source.
func (m *memoryEtcd) Run(ctx context.Context, fn func(etcdschema.Batch) error) error {
	m.mu.Lock()
	m.fn, m.told = fn, nil
	m.mu.Unlock()
	m.snapshot()
	<-ctx.Done()
	m.mu.Lock()
	m.fn = nil
	m.mu.Unlock()
	return nil
}

// LastContact implements Source.
func (m *memoryEtcd) LastContact() time.Time { return time.Time{} }

// snapshot delivers everything, as after a new list.
func (m *memoryEtcd) snapshot() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away || m.fn == nil {
		return
	}
	back := m.seen.ClusterID != 0 && (m.seen.ClusterID != m.cluster || m.seen.Revision > m.revision)
	b := etcdschema.Batch{Revision: m.revision, ClusterID: m.cluster, Snapshot: true, WentBack: back}
	for k := range m.told {
		if _, there := m.values[k]; !there {
			b.Events = append(b.Events, event(k, nil, m.revision))
		}
	}
	for k, v := range m.values {
		b.Events = append(b.Events, event(k, v, m.revision))
	}
	m.told = maps.Clone(m.values)
	m.seen = etcdschema.Seen{ClusterID: m.cluster, Revision: m.revision}
	_ = m.fn(b)
}

func event(k string, v []byte, revision int64) etcdschema.Event {
	return etcdschema.Event{Item: etcdschema.Item{Key: etcdschema.ParseKey(k), Value: v, ModRevision: revision}, Deleted: v == nil}
}

// outage makes etcd unreachable, or reachable again.
func (m *memoryEtcd) outage(away bool) {
	m.mu.Lock()
	m.away = away
	m.mu.Unlock()
	if !away {
		m.snapshot()
	}
}

// write changes keys in one transaction; a nil value deletes. fixHead keeps the node config's head right.
func (m *memoryEtcd) write(fixHead bool, changes map[string][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.revision++
	b := etcdschema.Batch{Revision: m.revision, ClusterID: m.cluster}
	put := func(k string, v []byte) {
		if v == nil {
			delete(m.values, k)
		} else {
			m.values[k] = v
		}
		b.Events = append(b.Events, event(k, v, m.revision))
	}
	for k, v := range changes {
		key := etcdschema.ParseKey(k)
		if _, _, head, ok := etcdschema.ParseDesired(key); ok && !head && fixHead {
			if old, there := m.values[k]; there {
				m.digest.Remove(key, old)
			}
			if v != nil {
				m.digest.Add(key, v)
			}
		}
		put(k, v)
	}
	if fixHead {
		head, _ := json.Marshal(m.digest.Head(m.revision))
		put(etcdschema.HeadKey(node).String(), head)
	}
	m.seen.Revision = m.revision
	if m.fn != nil && !m.away {
		m.told = maps.Clone(m.values)
		_ = m.fn(b)
	}
}

// put is what the controllers do: items and the head in one transaction.
func (m *memoryEtcd) put(items ...desired.Item) {
	changes := map[string][]byte{}
	for _, it := range items {
		v, _ := json.Marshal(it)
		changes[etcdschema.DesiredKey(node, it.Key()).String()] = v
	}
	m.write(true, changes)
}

// drop removes items, with the head.
func (m *memoryEtcd) drop(keys ...desired.Key) {
	changes := map[string][]byte{}
	for _, k := range keys {
		changes[etcdschema.DesiredKey(node, k).String()] = nil
	}
	m.write(true, changes)
}

// order is what people tell the node.
func (m *memoryEtcd) order(name string) {
	v, _ := json.Marshal(etcdschema.Order{At: time.Now()})
	m.write(false, map[string][]byte{etcdschema.OrderKey(node, name).String(): v})
}

func (m *memoryEtcd) items() map[desired.Key]desired.Item {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[desired.Key]desired.Item{}
	for k, v := range m.values {
		_, key, head, ok := etcdschema.ParseDesired(etcdschema.ParseKey(k))
		if item := desired.AllKinds().New(key.Kind); ok && !head && item != nil && json.Unmarshal(v, item) == nil {
			out[key] = item
		}
	}
	return out
}

func (m *memoryEtcd) config() *desired.NodeConfig {
	c := desired.NewNodeConfig()
	for _, it := range m.items() {
		c.Put(it)
	}
	return c
}

// Commit implements Store. Only a real etcd can show what a transaction writes, so this one records it.
func (m *memoryEtcd) Commit(_ context.Context, t *etcdschema.Txn) (int64, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return 0, false, fmt.Errorf("etcd is away")
	}
	if err := t.Err(); err != nil {
		return 0, false, err
	}
	m.commits++
	t.Each(func(k etcdschema.Key, value []byte) {
		if !strings.HasPrefix(k.String(), "actual/"+node+"/") {
			panic("a node writes only its own report, not " + k.String())
		}
		m.actual[k.String()] = value
	})
	token(m.reported)
	return m.revision, true, nil
}

// Get implements Store. Compares of transactions are tested with a real etcd.
func (m *memoryEtcd) Get(_ context.Context, k etcdschema.Key) (etcdschema.Item, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return etcdschema.Item{}, false, fmt.Errorf("etcd is away")
	}
	value, ok := m.actual[k.String()]
	return etcdschema.Item{Key: k, Value: value, ModRevision: m.revision}, ok, nil
}

// KeepLive implements Store.
func (m *memoryEtcd) KeepLive(ctx context.Context, _ string, _ time.Duration, _ any) error {
	<-ctx.Done()
	return nil
}

// token puts one token into a channel, if there is none.
func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
