// Package partial fills a cache with the part of etcd that a preview needs.
package partial

import (
	"context"
	"fmt"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
)

// Reader is what a preview needs from etcd.
type Reader interface {
	GetMany(context.Context, []etcdschema.Key) (map[etcdschema.Key]etcdschema.Item, error)
	List(context.Context, etcdschema.Prefix) ([]etcdschema.Item, int64, error)
}

// Part is a cache with a part of etcd's content, for a preview. The code of a kind reads into it what the evaluation of an object or an
// item looks at. Errors are kept: after one, nothing more is read.
type Part struct {
	Cache    *cache.Cache
	ctx      context.Context
	client   Reader
	small    []desired.Kind             // kinds of items of which a node has few, so that all are read at once
	outlived func(model.Kind) bool      // objects of the kind are deleted although others refer to them
	keys     map[etcdschema.Key]bool    // keys that were read; the cache has those that exist
	prefixes map[etcdschema.Prefix]bool // prefixes that were listed
	started  map[string]bool            // see once
	Later    []etcdschema.Key           // see afterwards
	Grew     bool                       // something new was read
	Partial  bool                       // see incomplete
	Whole    bool                       // see everything
	Err      error
}

// New returns an empty part.
func New(ctx context.Context, client Reader, cache *cache.Cache, small []desired.Kind, outlived func(model.Kind) bool) *Part {
	return &Part{Cache: cache, ctx: ctx, client: client, small: small, outlived: outlived,
		keys: map[etcdschema.Key]bool{}, prefixes: map[etcdschema.Prefix]bool{}, started: map[string]bool{}}
}

// Everything says that the keys do not show what is needed, so that all of etcd must be read.
func (p *Part) Everything() { p.Whole = true }

// Incomplete says that the present run of the preview cannot find everything that changes.
func (p *Part) Incomplete() { p.Partial = true }

// Once says, for the first call with the name, that it is the first. What is read then need not be read again.
func (p *Part) Once(name string) bool {
	first := !p.started[name]
	p.started[name] = true
	return first
}

// Afterwards reads keys when all work of a run is prepared.
func (p *Part) Afterwards(keys ...etcdschema.Key) { p.Later = append(p.Later, keys...) }

// Get reads the keys that were not read yet.
func (p *Part) Get(keys ...etcdschema.Key) {
	var missing []etcdschema.Key
	for _, k := range keys {
		if !p.read(k) {
			p.keys[k] = true
			missing = append(missing, k)
		}
	}
	if len(missing) == 0 || p.Err != nil {
		return
	}
	items, err := p.client.GetMany(p.ctx, missing)
	if err != nil {
		p.Err = fmt.Errorf("read what the objects concern: %w", err)
		return
	}
	p.Grew = true
	for _, k := range missing {
		if it, ok := items[k]; ok {
			p.Cache.Load([]etcdschema.Item{it}, p.Cache.Revision)
		}
	}
}

func (p *Part) read(k etcdschema.Key) bool {
	if p.keys[k] {
		return true
	}
	parent, ok := etcdschema.ParentOf(k)
	return ok && p.prefixes[parent]
}

// List reads the prefixes that were not read yet.
func (p *Part) List(prefixes ...etcdschema.Prefix) {
	for _, x := range prefixes {
		if p.prefixes[x] || p.Err != nil {
			continue
		}
		p.prefixes[x] = true
		items, revision, err := p.client.List(p.ctx, x)
		if err != nil {
			p.Err = fmt.Errorf("read %s: %w", x, err)
			return
		}
		p.Grew = true
		p.Cache.Load(items, revision)
	}
}

// Objects reads intents and accepted records.
func (p *Part) Objects(ids ...model.ID) {
	var keys []etcdschema.Key
	for _, id := range ids {
		keys = append(keys, etcdschema.Intent(id), etcdschema.AcceptedKey(id))
	}
	p.Get(keys...)
}

// OfKind reads all objects of a kind in a project.
func (p *Part) OfKind(project string, k model.Kind) {
	p.List(etcdschema.IntentPrefix().OfKind(project, k), etcdschema.AcceptedPrefix().OfKind(project, k))
}

// RefersTo reads the objects that an object refers to. One of them may be deleted and wait for its last reference. Then all of its
// users matter, and everything is read.
func (p *Part) RefersTo(o model.Object) {
	var ids []model.ID
	for _, r := range o.Spec.References(o.Metadata.Project) {
		ids = append(ids, r.To)
	}
	p.Objects(ids...)
	for _, id := range ids {
		if p.Cache.Accepted(id) != nil && p.Cache.Intent(id) == nil && !p.outlived(id.Kind) {
			p.Whole = true
		}
	}
}

// Versions are the specs of an object that matter: the newest one and the accepted one.
func (p *Part) Versions(id model.ID) (out []model.Object) {
	if in := p.Cache.Intent(id); in != nil {
		out = append(out, in.Object)
	}
	if a := p.Cache.Accepted(id); a != nil {
		out = append(out, a.Object)
	}
	return out
}

// Everywhere reads an item on every host that has it.
func (p *Part) Everywhere(item desired.Key) {
	var keys []etcdschema.Key
	for id := range p.Cache.AllAccepted() {
		if id.Kind == model.KindHost {
			keys = append(keys, etcdschema.DesiredKey(id.Name, item))
		}
	}
	p.Get(keys...)
}

// Node reads the items of a node and its summary.
func (p *Part) Node(name string) {
	if name == "" {
		return
	}
	for _, kind := range p.small { // others are read one by one
		p.List(etcdschema.NodeItems(name, kind))
	}
	p.Get(etcdschema.ActualNode(name))
}
