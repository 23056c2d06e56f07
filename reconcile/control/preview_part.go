package control

import (
	"context"
	"fmt"

	"weft/etcdschema"
	"weft/model"
)

const (
	// partObjects is up to how many objects a preview reads only what they concern. Of more it reads everything: that takes
	// fewer requests.
	partObjects = 1000
	// partRuns bounds how often a preview is run again with more.
	partRuns = 16
)

// PreviewOf is Preview on what etcd holds now. Of ports and floating addresses only what they concern is read; of other kinds, and
// where more hangs on it than can be told beforehand, everything.
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

// part is a cache that holds a part of what etcd holds. A preview on it is run, what it has looked at is read, and it is run
// again, until it looks at nothing that has not been read. Its units of work say what they look at (see prepare).
type part struct {
	ctx      context.Context
	client   Reader
	cache    *Cache
	keys     map[etcdschema.Key]bool    // that were read; whether they exist is in the cache
	prefixes map[etcdschema.Prefix]bool // that were listed
	ready    map[unit]bool              // units whose surroundings were read
	routers  map[string]bool            // and routers, by their uids
	later    []etcdschema.Key           // keys to be read when all units are prepared
	grew     bool                       // something was read that had not been
	recut    bool                       // a network's members fall into other parts, so that everything about them is written again
	whole    bool                       // a part is not enough
	err      error
}

func newPart(ctx context.Context, client Reader) *part {
	return &part{ctx: ctx, client: client, cache: NewCache(), keys: map[etcdschema.Key]bool{},
		prefixes: map[etcdschema.Prefix]bool{}, ready: map[unit]bool{}, routers: map[string]bool{}}
}

// preview is false when a part is not enough.
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

// get reads keys that have not been read.
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

// list reads whole prefixes that have not been read.
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
