package planner

import (
	"maps"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/kind"
	"weft/reconcile/control/pace"
)

// Planner evaluates work against the cache and writes into a transaction. It is pure except for Settings.
type Planner struct {
	cache    *cache.Cache
	kinds    kind.Kinds
	settings claim.Settings
	Claims   claim.Claimer

	Queue      workQueue
	sets       pace.Limiter[cache.Work]
	Retries    pace.Backoff[cache.Work]
	status     map[etcdschema.Key]struct{} // status keys to be evaluated because something changed
	compared   map[etcdschema.Key]struct{} // status keys that are only compared
	encoded    map[etcdschema.Key][]byte   // statuses as they are being written
	conditions map[model.ID]*claim.Condition
	reasons    map[string]map[string]string      // what is not as it should be on a node, by the object's uid and the node
	lost       map[model.ID]*etcdschema.Accepted // deleted by mistake, to be written again
	Foreign    map[etcdschema.Key]struct{}       // keys of node configs that somebody else has changed
	Doubtful   map[etcdschema.Key]*cache.Write   // what the last transaction of unknown outcome would write
	Refused    refusals                          // keys of nodes that are refused
	Rewound    bool                              // etcd went back: events may be older than the cache

	evaluating cache.Work              // what is evaluated; the zero work item for nothing
	spare      map[cache.Read]struct{} // an empty set for the next reader
}

// New returns a planner that the cache tells what has changed. restore makes the cache tell those again that it told before.
func New(c *cache.Cache, kinds kind.Kinds, s claim.Settings) (p *Planner, restore func()) {
	p = &Planner{
		cache: c, kinds: kinds, settings: s, Queue: newWorkQueue(&kinds, c),
		status: map[etcdschema.Key]struct{}{}, compared: map[etcdschema.Key]struct{}{}, encoded: map[etcdschema.Key][]byte{}, conditions: map[model.ID]*claim.Condition{},
		reasons: map[string]map[string]string{},
		lost:    map[model.ID]*etcdschema.Accepted{}, Foreign: map[etcdschema.Key]struct{}{}, Refused: newRefusals(),
	}
	p.Claims = claim.Claimer{Cache: c, Kinds: kinds.Claimed(), Settings: &p.settings, Later: p.Later}
	return p, c.Listen(p.enqueue)
}

// enqueue queues work to be done again; a set waits as long as its pace requires. What the work that is being evaluated writes itself
// does not queue it.
func (p *Planner) enqueue(u cache.Work) {
	if p.evaluating == u {
		return
	}
	if classOf(&p.kinds, u) != classSets || !p.sets.Hold(u, p.settings.Now()) {
		p.Queue.Add(u)
	}
}

func (p *Planner) touch(id model.ID) { p.Queue.Add(cache.ObjectWork(id)) }

// evaluate evaluates work in a transaction and records its reads, even if the evaluation fails. In that case the writes are rolled
// back, and the reads are those that led to the failure. Work may be evaluated inside of other work.
func (p *Planner) evaluate(tx *cache.Transaction, u cache.Work, do func(e *kind.Evaluation) error) error {
	outer := p.evaluating
	if outer != (cache.Work{}) {
		p.cache.Nested(u)
	}
	r := p.cache.NewReader(p.spare)
	p.evaluating, p.spare = u, nil
	err := do(&kind.Evaluation{Reader: r, Tx: tx, Settings: &p.settings, Schedule: p})
	p.evaluating = outer
	p.spare = p.cache.Noted(u, r)
	return err
}

// aside is an evaluation that records nothing.
func (p *Planner) aside(tx *cache.Transaction) *kind.Evaluation {
	return &kind.Evaluation{Reader: p.cache.Reader(), Tx: tx, Settings: &p.settings, Schedule: p}
}

func itemKind(k model.Kind) desired.Kind { return desired.Kind(k.Segment()) }

// Begin queues work that has not been evaluated yet (see schedule).
func (p *Planner) Begin(u cache.Work) {
	if !p.cache.Knows(u) {
		p.enqueue(u)
	}
}

// Later queues work for a transaction of its own (see schedule).
func (p *Planner) Later(u cache.Work) { p.Queue.Add(u) }

// WroteSet notes that a set was written, so that it is not written too often (see schedule).
func (p *Planner) WroteSet(u cache.Work, bytes int) { p.sets.Wrote(u, bytes, p.settings.Now()) }

// SetReason notes what is not as it should be on a node (see schedule).
func (p *Planner) SetReason(uid, node, why string) {
	switch {
	case why == "":
		delete(p.reasons[uid], node)
		if len(p.reasons[uid]) == 0 {
			delete(p.reasons, uid)
		}
	case p.reasons[uid] == nil:
		p.reasons[uid] = map[string]string{node: why}
	default:
		p.reasons[uid][node] = why
	}
}

// ReasonNodes are the nodes for which a reason is noted (see schedule).
func (p *Planner) ReasonNodes(uid string) []string { return slices.Collect(maps.Keys(p.reasons[uid])) }
