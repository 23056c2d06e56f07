package control

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// fataler is what testing.T and rapid.T have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// sim is the planner with an etcd in memory. Revisions are given out as etcd does, and every transaction is checked for what etcd would
// refuse.
type sim struct {
	t            fataler
	planner      *planner
	rev          int64
	now          time.Time
	transactions int
	writes       int
	uids         int  // given out up to now
	whole        bool // every transaction, not only the last, must leave node configs that can be wired
}

func newSim(t fataler) *sim {
	s := &sim{t: t, rev: 1, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	s.planner = newPlanner(NewCache(), Settings{
		MACPrefix: defaultMACPrefix, Now: func() time.Time { return s.now },
		NewUID: func() string { s.uids++; return fmt.Sprintf("%08d-0000-4000-8000-000000000000", s.uids) },
		Random: rand.New(rand.NewPCG(1, 2)).Uint64, NewSecret: func() string { return "secret" },
	})
	return s
}

// event gives one key to the planner as etcd's watch would.
func (s *sim) event(k etcdschema.Key, value []byte) {
	s.rev++
	born := s.rev
	if e := s.planner.cache.entries[k]; e != nil {
		born = e.born
	}
	s.planner.apply(etcdschema.Event{
		Item:    etcdschema.Item{Key: k, Value: value, CreateRevision: born, ModRevision: s.rev},
		Deleted: value == nil,
	}, nil)
}

func (s *sim) put(id model.ID, spec string) { s.event(etcdschema.Intent(id), []byte(spec)) }
func (s *sim) remove(id model.ID)           { s.event(etcdschema.Intent(id), nil) }
func (s *sim) record(k etcdschema.Key, v any) {
	data, err := etcdschema.Encode(v)
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	s.event(k, data)
}

func (s *sim) putAll(intent map[model.ID]string) {
	ids := make([]model.ID, 0, len(intent))
	for id := range intent {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, compareIDs)
	for _, id := range ids {
		s.put(id, intent[id])
	}
}

// settle runs transactions until nothing is left to do.
func (s *sim) settle() {
	s.t.Helper()
	s.now = s.now.Add(time.Second) // so that every set may be written again
	for n := 0; !s.planner.queue.empty() || s.ripen(); n++ {
		if n > 10000 {
			s.t.Fatalf("no end: %d units wait", s.planner.queue.len())
		}
		s.transact()
	}
}

// ripen ends the wait of sets; false when none waits.
func (s *sim) ripen() bool {
	at, waits := s.planner.sets.Next()
	if waits {
		s.now = at
		s.planner.ripen(at)
	}
	return !s.planner.queue.empty()
}

func (s *sim) transact() {
	s.t.Helper()
	tx, _ := s.planner.fill()
	if err := tx.sealHeads(); err != nil {
		s.t.Fatalf("heads: %v", err)
	}
	txn := tx.forEtcd(1)
	if err := txn.Err(); err != nil {
		s.t.Fatalf("transaction: %v", err)
	}
	if txn.Len() > etcdschema.MaxTxnOps || txn.Bytes() > etcdschema.MaxTxnBytes {
		s.t.Fatalf("transaction too large: %d operations, %d bytes", txn.Len(), txn.Bytes())
	}
	if txn.Writes() > 0 {
		s.transactions++
		s.writes += txn.Writes()
		s.rev++
	}
	tx.confirm(s.rev)
	s.planner.confirmed(tx)
	if s.whole {
		s.checkConfigs()
	}
}

func (s *sim) cache() *Cache { return s.planner.cache }

func (s *sim) condition(id model.ID) condition {
	if cond := s.planner.conditions[id]; cond != nil {
		return *cond
	}
	return condition{}
}

// snapshot is the whole content of the cache, for comparison.
func (s *sim) snapshot() map[string]string {
	out := map[string]string{}
	for k, e := range s.cache().entries {
		out[k.String()] = string(e.data)
	}
	for name, n := range s.cache().nodes {
		out["digest of "+name] = n.digest.String() + fmt.Sprint(n.networks)
	}
	return out
}

// check checks the state when nothing is left to do.
func (s *sim) check() {
	s.t.Helper()
	s.checkConfigs()
	for name, n := range s.cache().nodes {
		s.checkRouting(name, n)
	}
	s.checkCentralRouters()
	s.checkClaims()
	s.checkRecords()
}

// checkRecords: the decoded record of an entry is what its data says, although nobody has read it back.
func (s *sim) checkRecords() {
	s.t.Helper()
	for k, e := range s.cache().entries {
		if !e.plain {
			continue
		}
		read := &entry{data: e.data}
		s.cache().decodeEntry(k, read)
		if reflect.TypeOf(read.value) != reflect.TypeOf(e.value) || !etcdschema.Plain(e.data, e.value) || !etcdschema.Plain(e.data, read.value) {
			s.t.Fatalf("%s is %s, held as %T %+v, and read back as %T %+v", k, e.data, e.value, e.value, read.value, read.value)
		}
	}
}

// checkConfigs checks what must always be true of node configs.
func (s *sim) checkConfigs() {
	s.t.Helper()
	for name, n := range s.cache().nodes {
		if !n.headMatches() {
			s.t.Fatalf("the head of %s does not prove its node config", name)
		}
		for k, e := range n.items {
			if p, ok := e.value.(*desired.Port); ok && n.items[desired.Key{Kind: desired.KindNetwork, UID: p.Network}] == nil {
				s.t.Fatalf("port %s on %s has no network beside it", k.UID, name)
			}
		}
	}
}

// checkClaims: an accepted object has claims of all values that were allocated to it, so nothing is given out twice.
func (s *sim) checkClaims() {
	s.t.Helper()
	c := s.cache()
	own := func(id model.ID, k etcdschema.Key) {
		cl, ok := c.claim(k)
		if !ok || cl.Owner != c.accepted[id].UID || cl.State != etcdschema.ClaimBound {
			s.t.Fatalf("%s was allocated %s, whose claim is %+v", id, k, cl)
		}
	}
	for id, a := range c.accepted {
		switch spec := a.Object.Spec.(type) {
		case *model.PortSpec:
			own(id, etcdschema.MACClaim(a.Allocated.MAC))
			if len(c.placed[desired.Key{Kind: desired.KindPort, UID: a.UID}]) == 0 {
				continue // its network may be another one than when it was allocated
			}
			for _, addr := range a.Allocated.Addresses {
				own(id, etcdschema.AddressClaim(c.accepted[spec.NetworkID(id.Project)].UID, addr))
			}
		case *model.HostSpec, *model.RouterSpec:
			if !a.Allocated.MAC.IsZero() {
				own(id, etcdschema.MACClaim(a.Allocated.MAC))
			}
			for _, x := range a.Allocated.External {
				for _, addr := range x.Addresses {
					own(id, etcdschema.AddressClaim(x.UID, addr))
				}
			}
		case *model.NetworkSpec:
			own(id, etcdschema.SegmentClaim(spec.PhysicalNetwork, a.Allocated.SegmentationID))
			for _, addr := range a.Allocated.DHCPServers {
				own(id, etcdschema.AddressClaim(a.UID, addr))
			}
		}
	}
}

func pretty(t testing.TB, v any) string {
	t.Helper()
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data)) + "\n"
}
