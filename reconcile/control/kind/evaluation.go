package kind

import (
	"maps"
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
)

// Evaluation is one evaluation of a piece of work by the code of a kind: what it reads, what it writes, and what it starts. What is read
// through its reader is recorded.
type Evaluation struct {
	*cache.Reader
	Tx       *cache.Transaction
	Settings *claim.Settings
	Schedule schedule
}

// schedule is what an evaluation asks of the planner.
type schedule interface {
	// Begin queues work that has not been evaluated yet. After that, changes of its reads queue it.
	Begin(u cache.Work)
	// Later queues work for a transaction of its own.
	Later(u cache.Work)
	// Evaluate does work inside of the present transaction.
	Evaluate(tx *cache.Transaction, u cache.Work) error
	// StatusChanged queues the status of an object.
	StatusChanged(id model.ID)
	// WroteSet says that work of a kind with many items has written this number of bytes.
	WroteSet(u cache.Work, bytes int)
	// SetReason notes, for the status of an object, what is not as it should be on a node; nothing when why is empty.
	SetReason(uid, node, why string)
	// ReasonNodes are the nodes for which a reason is noted.
	ReasonNodes(uid string) []string
}

// statusOf queues the status of the object with the uid, if it is accepted.
func (e *Evaluation) statusOf(uid string) {
	if id, ok := e.Cache.ID(uid); ok {
		e.Schedule.StatusChanged(id)
	}
}

// Placement is one evaluation of an accepted object: what it becomes on the nodes.
type Placement struct {
	*Evaluation
	accepted  *etcdschema.Accepted
	condition *claim.Condition
}

// Placement is the evaluation of an accepted object. What it waits for is added to the condition.
func (e *Evaluation) Placement(acc *etcdschema.Accepted, cond *claim.Condition) *Placement {
	return &Placement{Evaluation: e, accepted: acc, condition: cond}
}

// Object is the accepted object that is placed. It must not be changed.
func (p *Placement) Object() *etcdschema.Accepted { return p.accepted }

// Pending adds a reason to the object's status: what it waits for. field is a path in the object, or empty.
func (p *Placement) Pending(field, message string) { p.condition.Pending(field, message) }

// Put writes the object's items to exactly these nodes. They all have the key of an object with this uid and kind; on all other nodes
// such an item is removed. An error ends the evaluation, and nothing of it is written.
func (p *Placement) Put(kind desired.Kind, items map[string]desired.Item) error {
	key := desired.Key{Kind: kind, UID: p.accepted.UID}
	for _, node := range p.Cache.PlacedOn(key) {
		if items[node] == nil {
			p.Tx.RemoveItem(node, key)
		}
	}
	for _, node := range slices.Sorted(maps.Keys(items)) { // the same error at each evaluation
		if _, err := p.Tx.PutItem(node, items[node]); err != nil {
			return err
		}
	}
	return nil
}

// updateLater evaluates an item in a transaction of its own.
func updateLater(e *Evaluation, name string, k desired.Key) {
	e.Schedule.Later(cache.ItemWork(name, k))
}
