package control

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/google/uuid"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/pace"
)

// Op is what would happen to an object, claim or item.
type Op string

// The operations of a preview.
const (
	OpCreate Op = "create"
	OpUpdate Op = "update"
	OpDelete Op = "delete"
	OpNone   Op = "none" // nothing would change
)

// Preview is what declaring some objects and deleting others would change. It is computed as the controllers compute it, but
// nothing is written. Values that are chosen (MACs, free addresses) may be different when it is done.
type Preview struct {
	Objects []ObjectChange // those asked for, in the order asked, then others that are affected
	Claims  []ClaimChange  // in key order
	Items   []ItemChange   // of the node configs, by node, kind and object
}

// ObjectChange is the change of one intent object. Old is nil when the object is new. Phase and Reasons are empty when it would be
// gone.
type ObjectChange struct {
	ID        model.ID
	Op        Op
	Old       *model.Object
	Phase     etcdschema.Phase
	Reasons   []etcdschema.Reason
	Allocated etcdschema.Allocated
}

// ClaimChange is one claim that would be made, released (an update to held) or deleted. Old or New is nil when there is none.
type ClaimChange struct {
	Key      etcdschema.Key
	Op       Op
	Old, New *etcdschema.Claim
}

// ItemChange is the change of one key of a node config. Object is the intent object behind it, if it is known.
type ItemChange struct {
	Node     string
	Key      desired.Key
	Object   model.ID
	Op       Op
	Old, New []byte // JSON
}

// Changes says whether anything would change at all.
func (p Preview) Changes() bool {
	return len(p.Claims)+len(p.Items) > 0 || slices.ContainsFunc(p.Objects, func(o ObjectChange) bool { return o.Op != OpNone })
}

// Reader is what a preview needs from etcd.
type Reader interface {
	GetMany(context.Context, []etcdschema.Key) (map[etcdschema.Key]etcdschema.Item, error)
	List(context.Context, etcdschema.Prefix) ([]etcdschema.Item, int64, error)
}

// LoadCache reads everything that any preview needs.
func LoadCache(ctx context.Context, client Reader) (*Cache, error) {
	c := NewCache()
	for _, p := range []etcdschema.Prefix{
		etcdschema.ClaimPrefix(), etcdschema.AcceptedPrefix(), etcdschema.DesiredPrefix(), etcdschema.ActualPrefix(), etcdschema.IntentPrefix(),
	} {
		items, revision, err := client.List(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", p, err)
		}
		c.Load(items, revision)
	}
	return c, nil
}

// Preview computes what the controllers would do if the objects were declared, and the IDs deleted, at the same time. The objects
// must be valid by themselves (see model.Validate). The cache is not changed. When macPrefix is zero, MACs get the prefix that the
// node configs name.
func (c *Cache) Preview(macPrefix [3]byte, declare []model.Object, remove []model.ID) (Preview, error) {
	out, _, err := c.preview(macPrefix, declare, remove)
	return out, err
}

// trace is what a preview has done: the units it evaluated, the keys it would write, and the reads that would change.
type trace struct {
	units   map[unit]struct{}
	keys    []etcdschema.Key
	changed map[read]struct{}
}

func (c *Cache) preview(macPrefix [3]byte, declare []model.Object, remove []model.ID) (Preview, trace, error) {
	s := DefaultSettings()
	random := rand.New(rand.NewPCG(1, 2)).Uint64
	s.Random, s.NewUID = random, func() string { return previewUID(random) }
	if s.MACPrefix = macPrefix; macPrefix == ([3]byte{}) {
		s.MACPrefix = c.macPrefix()
	}
	before := c.record
	defer func() { c.record = before }()
	p := newPlanner(c, s)
	p.expectObjects()
	p.expectItems()
	tx := c.begin()
	defer tx.abandon()
	var out Preview
	did := trace{units: map[unit]struct{}{}, changed: map[read]struct{}{}}
	c.record.trace = did.changed
	for _, o := range declare {
		change, err := p.declare(tx, o)
		if err != nil {
			return Preview{}, did, err
		}
		out.Objects = append(out.Objects, change)
	}
	for _, id := range remove {
		change := ObjectChange{ID: id, Op: OpNone}
		if in := c.intents[id]; in != nil {
			change.Op, change.Old = OpDelete, &in.object
			tx.remove(etcdschema.Intent(id), false)
		}
		p.touch(id)
		out.Objects = append(out.Objects, change)
	}
	if err := p.exhaust(tx, did.units); err != nil {
		return Preview{}, did, err
	}
	p.outcome(tx, &out)
	did.keys = tx.keys()
	return out, did, nil
}

// previewUID is the uid of an object that does not exist yet. It is the same whenever the same preview is run.
func previewUID(random func() uint64) string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], random())
	binary.BigEndian.PutUint64(id[8:], random())
	return id.String()
}

// macPrefix is the MAC prefix that the controllers last wrote to a node.
func (c *Cache) macPrefix() [3]byte {
	for _, n := range c.nodes {
		for _, e := range n.items {
			if h, ok := e.value.(*desired.Host); ok && !h.MACPrefix.IsZero() {
				return [3]byte(h.MACPrefix[:3])
			}
		}
	}
	return defaultMACPrefix
}

func (p *planner) declare(tx *transaction, o model.Object) (ObjectChange, error) {
	id := o.ID()
	change := ObjectChange{ID: id, Op: OpCreate}
	if in := p.cache.intents[id]; in != nil {
		change.Op, change.Old = OpUpdate, &in.object
		same, err := sameObject(in.object, o)
		if err != nil {
			return change, err
		}
		if same {
			change.Op = OpNone
		}
	}
	p.touch(id)
	if change.Op == OpNone {
		return change, nil
	}
	tx.remove(etcdschema.Intent(id), false) // a write by people keeps nothing of the old value
	_, err := tx.put(etcdschema.Intent(id), o, false)
	if e, old := p.cache.entries[etcdschema.Intent(id)], change.Old; err == nil && old != nil {
		w := tx.writes[etcdschema.Intent(id)]
		e.born = w.old.born
		e.value.(*intent).born = w.old.born
	}
	return change, err
}

func sameObject(a, b model.Object) (bool, error) {
	x, err := etcdschema.Encode(a)
	if err != nil {
		return false, err
	}
	y, err := etcdschema.Encode(b)
	return bytes.Equal(x, y), err
}

// previewUnits bounds a preview. Each unit may queue others, but this must end.
const previewUnits = 1 << 20

func (p *planner) exhaust(tx *transaction, did map[unit]struct{}) error {
	for range previewUnits {
		u, ok := p.queue.next(p.cache, p.queue.first())
		if at, waits := p.sets.Next(); !ok && waits {
			p.ripen(at.Add(pace.Interval)) // a preview writes nothing, so no set has to wait
			continue
		}
		if !ok {
			return nil
		}
		did[u] = struct{}{}
		if err := p.do(tx, u); err != nil {
			return err
		}
	}
	return fmt.Errorf("the preview did not come to an end after %d steps", previewUnits)
}

// outcome fills in the preview from the transaction.
func (p *planner) outcome(tx *transaction, out *Preview) {
	asked := map[model.ID]bool{}
	for i := range out.Objects {
		o := &out.Objects[i]
		asked[o.ID] = true
		p.fate(o)
	}
	for _, k := range tx.keys() {
		w := tx.writes[k]
		if w.old != nil && bytes.Equal(w.old.data, w.data) {
			continue
		}
		switch area(k) {
		case "accepted":
			if id, ok := p.cache.parseID(k); ok && !asked[id] {
				o := ObjectChange{ID: id, Op: OpNone}
				p.fate(&o)
				out.Objects = append(out.Objects, o)
			}
		case "claim":
			ch := ClaimChange{Key: k, Op: opOf(w)}
			ch.Old, _ = entryValue[*etcdschema.Claim](w.old)
			ch.New, _ = entryValue[*etcdschema.Claim](p.cache.entries[k])
			out.Claims = append(out.Claims, ch)
		case "desired":
			if name, item, head, ok := etcdschema.ParseDesired(k); ok && !head {
				ch := ItemChange{Node: name, Key: item, Object: p.cache.ids[item.UID], Op: opOf(w), New: w.data}
				if w.old != nil {
					ch.Old = w.old.data
				}
				if network, _, ok := parseNeighbors(item); ok && item.Kind == desired.KindNeighbors {
					ch.Object = p.cache.ids[network]
				}
				out.Items = append(out.Items, ch)
			}
		}
	}
	p.nameGone(tx, out.Items)
	slices.SortStableFunc(out.Items, func(a, b ItemChange) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Key.Kind, b.Key.Kind), compareIDs(a.Object, b.Object))
	})
}

// fate fills in the result of one object.
func (p *planner) fate(o *ObjectChange) {
	if cond := p.conditions[o.ID]; cond != nil {
		o.Phase, o.Reasons = p.outlook(o.ID, cond)
	}
	if a := p.cache.accepted[o.ID]; a != nil {
		o.Allocated = a.Allocated
	}
}

// nameGone fills in the objects of items whose accepted record is deleted in the same preview.
func (p *planner) nameGone(tx *transaction, items []ItemChange) {
	gone := map[string]model.ID{}
	for k, w := range tx.writes {
		if a, ok := entryValue[*etcdschema.Accepted](w.old); ok {
			gone[a.UID], _ = p.cache.parseID(k)
		}
	}
	for i := range items {
		if items[i].Object == (model.ID{}) {
			items[i].Object = gone[items[i].Key.UID]
		}
	}
}

func opOf(w *write) Op {
	switch {
	case w.old == nil:
		return OpCreate
	case w.data == nil:
		return OpDelete
	}
	return OpUpdate
}
