package planner

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
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/kind"
	"weft/reconcile/control/partial"
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

// loadCache reads everything that any preview needs.
func loadCache(ctx context.Context, client partial.Reader, kinds kind.Kinds) (*cache.Cache, error) {
	c := cache.New(kinds.Cached())
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

// PreviewOn computes what the controllers would do if the objects were declared, and the IDs deleted, at the same time. The objects
// must be valid by themselves (see model.Validate). The cache is not changed. When macPrefix is zero, MACs get the prefix that the
// node configs name.
func PreviewOn(c *cache.Cache, kinds kind.Kinds, macPrefix [3]byte, declare []model.Object, remove []model.ID) (Preview, error) {
	out, _, err := tracedPreview(c, kinds, macPrefix, declare, remove)
	return out, err
}

// simulation is a planner whose transaction is never committed.
type simulation struct{ *Planner }

// trace is what a preview has done: the work items it evaluated, the keys it would write, and the reads that would change.
type trace struct {
	work    map[cache.Work]struct{}
	keys    []etcdschema.Key
	changed map[cache.Read]struct{}
}

// tracedPreview is PreviewOn that also tells what it has done.
func tracedPreview(c *cache.Cache, kinds kind.Kinds, macPrefix [3]byte, declare []model.Object, remove []model.ID) (Preview, trace, error) {
	s := claim.DefaultSettings()
	random := rand.New(rand.NewPCG(2, 3)).Uint64
	s.Random, s.NewUID = random, func() string { return previewUID(random) }
	if s.MACPrefix = macPrefix; macPrefix == ([3]byte{}) {
		s.MACPrefix = macPrefixOf(c)
	}
	planner, restore := New(c, kinds, s)
	defer restore()
	p := &simulation{planner}
	p.expectObjects()
	p.expectItems()
	tx := c.Begin()
	defer tx.Abandon()
	var out Preview
	did := trace{work: map[cache.Work]struct{}{}, changed: map[cache.Read]struct{}{}}
	c.TraceReads(did.changed)
	for _, o := range declare {
		change, err := p.declare(tx, o)
		if err != nil {
			return Preview{}, did, err
		}
		out.Objects = append(out.Objects, change)
	}
	for _, id := range remove {
		change := ObjectChange{ID: id, Op: OpNone}
		if in := c.Intent(id); in != nil {
			change.Op, change.Old = OpDelete, &in.Object
			tx.Remove(etcdschema.Intent(id), false)
		}
		p.touch(id)
		out.Objects = append(out.Objects, change)
	}
	if err := p.exhaust(tx, did.work); err != nil {
		return Preview{}, did, err
	}
	p.outcome(tx, &out)
	did.keys = tx.Keys()
	return out, did, nil
}

// previewUID is the uid of an object that does not exist yet. It is the same whenever the same preview is run.
func previewUID(random func() uint64) string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], random())
	binary.BigEndian.PutUint64(id[8:], random())
	return id.String()
}

// macPrefixOf is the MAC prefix that the controllers last wrote to a node.
func macPrefixOf(c *cache.Cache) [3]byte {
	for _, n := range c.Nodes() {
		for _, e := range n.Items {
			if h, ok := e.Value.(*desired.Host); ok && !h.MACPrefix.IsZero() {
				return [3]byte(h.MACPrefix[:3])
			}
		}
	}
	return claim.DefaultMACPrefix()
}

func (p *simulation) declare(tx *cache.Transaction, o model.Object) (ObjectChange, error) {
	id := o.ID()
	change := ObjectChange{ID: id, Op: OpCreate}
	if in := p.cache.Intent(id); in != nil {
		change.Op, change.Old = OpUpdate, &in.Object
		same, err := sameObject(in.Object, o)
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
	tx.Remove(etcdschema.Intent(id), false) // a write by people keeps nothing of the old value
	_, err := tx.Put(etcdschema.Intent(id), o, false)
	if e, old := p.cache.Entry(etcdschema.Intent(id)), change.Old; err == nil && old != nil {
		w := tx.Writes[etcdschema.Intent(id)]
		e.CreateRevision = w.Old.CreateRevision
		e.Value.(*cache.Intent).CreateRevision = w.Old.CreateRevision
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

// outcome fills in the preview from the transaction.
func (p *simulation) outcome(tx *cache.Transaction, out *Preview) {
	asked := map[model.ID]bool{}
	for i := range out.Objects {
		o := &out.Objects[i]
		asked[o.ID] = true
		p.fate(o)
	}
	for _, k := range tx.Keys() {
		w := tx.Writes[k]
		if w.Old != nil && bytes.Equal(w.Old.Data, w.Data) {
			continue
		}
		switch cache.Area(k) {
		case "accepted":
			if id, ok := p.cache.ParseID(k); ok && !asked[id] {
				o := ObjectChange{ID: id, Op: OpNone}
				p.fate(&o)
				out.Objects = append(out.Objects, o)
			}
		case "claim":
			ch := ClaimChange{Key: k, Op: opOf(w)}
			ch.Old, _ = cache.ValueOf[*etcdschema.Claim](w.Old)
			ch.New, _ = cache.ValueOf[*etcdschema.Claim](p.cache.Entry(k))
			out.Claims = append(out.Claims, ch)
		case "desired":
			if name, item, head, ok := etcdschema.ParseDesired(k); ok && !head {
				ch := ItemChange{Node: name, Key: item, Object: p.ownerOf(item), Op: opOf(w), New: w.Data}
				if w.Old != nil {
					ch.Old = w.Old.Data
				}
				out.Items = append(out.Items, ch)
			}
		}
	}
	p.nameGone(tx, out.Items)
	slices.SortStableFunc(out.Items, func(a, b ItemChange) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Key.Kind, b.Key.Kind), model.ID.Compare(a.Object, b.Object))
	})
}

// fate fills in the result of one object.
func (p *simulation) fate(o *ObjectChange) {
	if cond := p.conditions[o.ID]; cond != nil {
		o.Phase, o.Reasons = p.outlook(o.ID, cond)
	}
	if a := p.cache.Accepted(o.ID); a != nil {
		o.Allocated = a.Allocated
	}
}

// ownerOf is the accepted object that an item of a node config belongs to.
func (p *simulation) ownerOf(k desired.Key) model.ID {
	uid := k.UID
	if kind, _ := p.kinds.Item(k.Kind); kind.Owner != nil {
		uid = kind.Owner(k)
	}
	id, _ := p.cache.ID(uid)
	return id
}

// nameGone fills in the objects of items whose accepted record is deleted in the same preview.
func (p *simulation) nameGone(tx *cache.Transaction, items []ItemChange) {
	gone := map[string]model.ID{}
	for k, w := range tx.Writes {
		if a, ok := cache.ValueOf[*etcdschema.Accepted](w.Old); ok {
			gone[a.UID], _ = p.cache.ParseID(k)
		}
	}
	for i := range items {
		if items[i].Object == (model.ID{}) {
			items[i].Object = gone[items[i].Key.UID]
		}
	}
}

func opOf(w *cache.Write) Op {
	switch {
	case w.Old == nil:
		return OpCreate
	case w.Data == nil:
		return OpDelete
	}
	return OpUpdate
}
