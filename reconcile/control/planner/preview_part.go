package planner

import (
	"context"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/kind"
	"weft/reconcile/control/partial"
)

const (
	// partObjects is the largest number of objects for which a preview reads only what they concern. For more it reads everything,
	// which takes fewer requests.
	partObjects = 1000
	// partRuns bounds how often a preview is run again after more was read.
	partRuns = 16
)

// PreviewOf is PreviewOn for the present content of etcd. For ports and floating addresses it reads only what they concern. It reads
// everything for other kinds, and when it cannot be known in advance what they concern.
func PreviewOf(ctx context.Context, client partial.Reader, kinds kind.Kinds, macPrefix [3]byte, declare []model.Object, remove []model.ID) (Preview, error) {
	if len(declare)+len(remove) <= partObjects {
		p := newPartial(ctx, client, kinds)
		if out, ok, err := p.preview(macPrefix, declare, remove); ok || err != nil {
			return out, err
		}
	}
	cache, err := loadCache(ctx, client, kinds)
	if err != nil {
		return Preview{}, err
	}
	return PreviewOn(cache, kinds, macPrefix, declare, remove)
}

// partialPreview runs a preview on a part of etcd, reads what the preview looked at, and runs it again, until it looks at nothing that was not
// read. Which keys work looks at is known by its kind.
type partialPreview struct {
	*partial.Part
	kinds kind.Kinds
	ready map[cache.Work]bool // work for which everything was read
}

func newPartial(ctx context.Context, client partial.Reader, kinds kind.Kinds) *partialPreview {
	var small []desired.Kind
	for _, k := range kinds.Items {
		if !k.Many && !k.Large {
			small = append(small, k.Cache.Kind)
		}
	}
	outlived := func(k model.Kind) bool { return kinds.Object(k).Outlived }
	return &partialPreview{Part: partial.New(ctx, client, cache.New(kinds.Cached()), small, outlived), kinds: kinds, ready: map[cache.Work]bool{}}
}

// preview returns false when everything must be read.
func (p *partialPreview) preview(macPrefix [3]byte, declare []model.Object, remove []model.ID) (Preview, bool, error) {
	p.region()
	for _, o := range declare {
		p.declared(o)
	}
	for _, id := range remove {
		p.prepare(cache.ObjectWork(id))
	}
	for range partRuns {
		if p.Err != nil || p.Whole {
			return Preview{}, false, p.Err
		}
		out, did, err := tracedPreview(p.Cache, p.kinds, macPrefix, declare, remove)
		if err != nil {
			return Preview{}, false, err
		}
		p.Grew, p.Part.Partial = false, false
		for u := range did.work {
			p.prepare(u)
		}
		for r := range did.changed {
			p.follow(r)
		}
		p.Get(append(did.keys, p.Later...)...)
		if !p.Grew && !p.Whole && p.Err == nil {
			return out, !p.Part.Partial, nil
		}
	}
	return Preview{}, false, p.Err
}

// region reads what every preview needs: the cluster-wide objects except projects, and the features that each host reports.
func (p *partialPreview) region() {
	p.OfKind(model.ClusterProject, model.KindHost)
	p.OfKind(model.ClusterProject, model.KindPhysicalNetwork)
	var keys []etcdschema.Key
	for id, a := range p.Cache.AllAccepted() {
		if id.Kind == model.KindHost {
			keys = append(keys, etcdschema.ActualNode(id.Name), etcdschema.DesiredKey(id.Name, desired.Key{Kind: desired.KindHost, UID: a.UID}))
		}
	}
	p.Get(keys...)
}

// prepare reads what work looks at. For kinds that do not know it, everything must be read.
func (p *partialPreview) prepare(u cache.Work) {
	if p.ready[u] || p.Whole || p.Err != nil {
		return
	}
	p.ready[u] = true
	object := p.kinds.Object(u.ID.Kind)
	item, _ := p.kinds.Item(u.Item.Kind)
	switch {
	case u.Kind == cache.WorkObject && object.Prepare != nil:
		object.Prepare(p.Part, u.ID)
	case u.Kind == cache.WorkItem && item.Prepare != nil:
		item.Prepare(p.Part, u.Node, u.Item)
	default:
		p.Everything()
	}
}

// declared reads what an object looks at that is to be declared.
func (p *partialPreview) declared(o model.Object) {
	p.prepare(cache.ObjectWork(o.ID()))
	if o.Spec == nil {
		return
	}
	p.RefersTo(o)
	if surroundings := p.kinds.Object(o.Kind).Surroundings; surroundings != nil {
		surroundings(p.Part, o)
	}
}

// follow reads what is written because of a changed read.
func (p *partialPreview) follow(changed cache.Read) {
	for i := range p.kinds.Items {
		if follow := p.kinds.Items[i].Follow; follow != nil {
			follow(p.Part, changed)
		}
	}
}
