package control

import (
	"context"
	"fmt"

	"weft/etcdschema"
	"weft/model"
)

const (
	// partObjects is the largest number of objects for which a preview reads only what they concern. For more it reads everything,
	// which takes fewer requests.
	partObjects = 1000
	// partRuns bounds how often a preview is run again after more was read.
	partRuns = 16
)

// PreviewOf is Preview on the present content of etcd. For ports and floating addresses it reads only what they concern. It reads
// everything for other kinds, and when it cannot be known in advance what they concern.
func PreviewOf(ctx context.Context, client Reader, macPrefix [3]byte, declare []model.Object, remove []model.ID) (Preview, error) {
	if len(declare)+len(remove) <= partObjects {
		p := newPart(ctx, client)
		if out, ok, err := p.preview(macPrefix, declare, remove); ok || err != nil {
			return out, err
		}
	}
	cache, err := LoadCache(ctx, client)
	if err != nil {
		return Preview{}, err
	}
	return cache.Preview(macPrefix, declare, remove)
}

// part is a cache with a part of etcd's content. A preview is run on it, what the preview looked at is read, and it is run again,
// until it looks at nothing that was not read. Which keys a unit looks at is known by prepare.
type part struct {
	ctx      context.Context
	client   Reader
	cache    *Cache
	keys     map[etcdschema.Key]bool    // keys that were read; the cache has those that exist
	prefixes map[etcdschema.Prefix]bool // prefixes that were listed
	ready    map[unit]bool              // units for which everything was read
	routers  map[string]bool            // the same for routers, by uid
	later    []etcdschema.Key           // keys to be read after all units are prepared
	grew     bool                       // something new was read
	recut    bool                       // the number of a network's parts changes: all of them are written again
	whole    bool                       // everything must be read
	err      error
}

func newPart(ctx context.Context, client Reader) *part {
	return &part{ctx: ctx, client: client, cache: NewCache(), keys: map[etcdschema.Key]bool{},
		prefixes: map[etcdschema.Prefix]bool{}, ready: map[unit]bool{}, routers: map[string]bool{}}
}

// preview returns false when everything must be read.
func (p *part) preview(macPrefix [3]byte, declare []model.Object, remove []model.ID) (Preview, bool, error) {
	p.region()
	for _, o := range declare {
		p.declared(o)
	}
	for _, id := range remove {
		p.prepare(unit{kind: unitObject, id: id})
	}
	for range partRuns {
		if p.err != nil || p.whole {
			return Preview{}, false, p.err
		}
		out, did, err := p.cache.preview(macPrefix, declare, remove)
		if err != nil {
			return Preview{}, false, err
		}
		p.grew, p.recut = false, false
		for u := range did.units {
			p.prepare(u)
		}
		for r := range did.changed {
			p.readers(r)
		}
		p.get(append(did.keys, p.later...)...)
		if !p.grew && !p.whole && p.err == nil {
			return out, !p.recut, nil
		}
	}
	return Preview{}, false, p.err
}

// get reads the keys that were not read yet.
func (p *part) get(keys ...etcdschema.Key) {
	var missing []etcdschema.Key
	for _, k := range keys {
		if !p.read(k) {
			p.keys[k] = true
			missing = append(missing, k)
		}
	}
	if len(missing) == 0 || p.err != nil {
		return
	}
	items, err := p.client.GetMany(p.ctx, missing)
	if err != nil {
		p.err = fmt.Errorf("read what the objects concern: %w", err)
		return
	}
	p.grew = true
	for _, k := range missing {
		if it, ok := items[k]; ok {
			p.cache.Load([]etcdschema.Item{it}, p.cache.Revision)
		}
	}
}

func (p *part) read(k etcdschema.Key) bool {
	if p.keys[k] {
		return true
	}
	parent, ok := etcdschema.ParentOf(k)
	return ok && p.prefixes[parent]
}

// list reads the prefixes that were not read yet.
func (p *part) list(prefixes ...etcdschema.Prefix) {
	for _, x := range prefixes {
		if p.prefixes[x] || p.err != nil {
			continue
		}
		p.prefixes[x] = true
		items, revision, err := p.client.List(p.ctx, x)
		if err != nil {
			p.err = fmt.Errorf("read %s: %w", x, err)
			return
		}
		p.grew = true
		p.cache.Load(items, revision)
	}
}

// objects reads intents and accepted records.
func (p *part) objects(ids ...model.ID) {
	var keys []etcdschema.Key
	for _, id := range ids {
		keys = append(keys, etcdschema.Intent(id), etcdschema.AcceptedKey(id))
	}
	p.get(keys...)
}

// kind reads all objects of a kind in a project.
func (p *part) kind(project string, k model.Kind) {
	p.list(etcdschema.IntentPrefix().OfKind(project, k), etcdschema.AcceptedPrefix().OfKind(project, k))
}
