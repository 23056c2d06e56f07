package planner

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/kind"
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
	planner      *Planner
	rev          int64
	now          time.Time
	transactions int
	writes       int
	uids         int  // given out up to now
	whole        bool // every transaction, not only the last, must leave node configs that can be wired
}

func newSim(t fataler) *sim {
	s := &sim{t: t, rev: 1, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	s.planner, _ = New(cache.New(kind.AllKinds().Cached()), kind.AllKinds(), claim.Settings{
		MACPrefix: claim.DefaultMACPrefix(), Now: func() time.Time { return s.now },
		NewUID: func() string { s.uids++; return fmt.Sprintf("%08d-0000-4000-8000-000000000000", s.uids) },
		Random: rand.New(rand.NewPCG(1, 2)).Uint64, NewSecret: func() string { return "secret" },
	})
	return s
}

// event gives one key to the planner as etcd's watch would.
func (s *sim) event(k etcdschema.Key, value []byte) {
	s.rev++
	born := s.rev
	if e := s.planner.cache.Entry(k); e != nil {
		born = e.CreateRevision
	}
	s.planner.Apply(etcdschema.Event{
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
	slices.SortFunc(ids, model.ID.Compare)
	for _, id := range ids {
		s.put(id, intent[id])
	}
}

// settle runs transactions until nothing is left to do.
func (s *sim) settle() {
	s.t.Helper()
	s.now = s.now.Add(time.Second) // so that every set may be written again
	for n := 0; !s.planner.Queue.Empty() || s.ripen(); n++ {
		if n > 10000 {
			s.t.Fatalf("no end: %d work items wait", s.planner.Queue.Len())
		}
		s.transact()
	}
}

// ripen ends the wait of sets; false when none waits.
func (s *sim) ripen() bool {
	at, waits := s.planner.sets.Next()
	if waits {
		s.now = at
		s.planner.Ripen(at)
	}
	return !s.planner.Queue.Empty()
}

func (s *sim) transact() {
	s.t.Helper()
	tx, _ := s.planner.Fill()
	if err := tx.SealHeads(); err != nil {
		s.t.Fatalf("heads: %v", err)
	}
	txn := tx.ForEtcd(nil)
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
	tx.Confirm(s.rev)
	s.planner.Confirmed(tx)
	if s.whole {
		s.checkConfigs()
	}
}

// rebuildClaims are the claims that are restored from the nodes' reports.
func (s *sim) rebuildClaims() map[etcdschema.Key]etcdschema.Claim {
	return s.planner.Claims.Rebuild(func(node string) bool { return kind.MayBeGateway(s.cache(), node) })
}

func (s *sim) cache() *cache.Cache { return s.planner.cache }

func (s *sim) condition(id model.ID) claim.Condition {
	if cond := s.planner.conditions[id]; cond != nil {
		return *cond
	}
	return claim.Condition{}
}

// snapshot is the whole content of the cache, for comparison.
func (s *sim) snapshot() map[string]string {
	out := map[string]string{}
	for k, e := range s.cache().Entries() {
		out[k.String()] = string(e.Data)
	}
	for name, n := range s.cache().Nodes() {
		out["digest of "+name] = n.Digest.String() + fmt.Sprint(s.cache().Members(kind.GuestNetworks, name))
	}
	return out
}

// check checks the state when nothing is left to do.
func (s *sim) check() {
	s.t.Helper()
	s.checkConfigs()
	for name, n := range s.cache().Nodes() {
		s.checkRouting(name, n)
	}
	s.checkCentralRouters()
	s.checkClaims()
	s.checkPools()
	s.checkRecords()
}

// checkRecords: the decoded record of an entry is what its data says, although nobody has read it back.
func (s *sim) checkRecords() {
	s.t.Helper()
	if err := s.cache().Verify(); err != nil {
		s.t.Fatalf("%v", err)
	}
}

// checkConfigs checks what must always be true of node configs.
func (s *sim) checkConfigs() {
	s.t.Helper()
	for name, n := range s.cache().Nodes() {
		if !n.HeadMatches() {
			s.t.Fatalf("the head of %s does not prove its node config", name)
		}
		for k, e := range n.Items {
			if p, ok := e.Value.(*desired.Port); ok && n.Items[desired.Key{Kind: desired.KindNetwork, UID: p.Network}] == nil {
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
		cl, ok := c.Claim(k)
		if !ok || cl.Owner != c.Accepted(id).UID || cl.State != etcdschema.ClaimBound {
			s.t.Fatalf("%s was allocated %s, whose claim is %+v", id, k, cl)
		}
	}
	for id, a := range c.AllAccepted() {
		switch spec := a.Object.Spec.(type) {
		case *model.PortSpec:
			own(id, etcdschema.MACClaim(a.Allocated.MAC))
			if len(c.Placed(desired.Key{Kind: desired.KindPort, UID: a.UID})) == 0 {
				continue // its network may be another one than when it was allocated
			}
			for _, addr := range a.Allocated.Addresses {
				own(id, etcdschema.AddressClaim(c.Accepted(spec.NetworkID(id.Project)).UID, addr))
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
