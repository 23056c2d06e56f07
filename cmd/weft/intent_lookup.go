package main

import (
	"context"

	"weft/etcdschema"
	"weft/model"
)

// lookup finds objects in etcd for validation, each once.
type lookup struct {
	ctx   context.Context
	st    store
	known map[model.ID]model.Object
	err   error // the first failure to read
}

// prepare reads at once what the objects refer to and is not among them.
func (l *lookup) prepare(objs []model.Located) {
	ours := make(map[model.ID]bool, len(objs))
	for _, o := range objs {
		ours[o.Object.ID()] = true
	}
	asked := map[etcdschema.Key]model.ID{}
	var keys []etcdschema.Key
	for _, o := range objs {
		if o.Object.Spec == nil {
			continue
		}
		for _, r := range o.Object.Spec.References(o.Object.Metadata.Project) {
			if k := etcdschema.Intent(r.To); !ours[r.To] && asked[k] == (model.ID{}) {
				asked[k] = r.To
				keys = append(keys, k)
			}
		}
	}
	items, err := l.st.GetMany(l.ctx, keys)
	if err != nil {
		l.err = err
		return
	}
	for k, id := range asked {
		var o model.Object
		if item, ok := items[k]; ok {
			o = l.decode(id, item)
		}
		l.known[id] = o
	}
}

// find returns the object's intent, or the accepted object if the intent is invalid. If neither can be decoded, the object is returned
// without a spec, because it exists.
func (l *lookup) find(id model.ID) (model.Object, bool) {
	if o, ok := l.known[id]; ok {
		return o, o.Kind != ""
	}
	var o model.Object
	if l.err != nil {
		return o, true // wait once for an etcd that does not answer, not once for each object
	}
	item, ok, err := l.st.Get(l.ctx, etcdschema.Intent(id))
	if err != nil {
		l.err = err
		return o, true
	}
	if ok {
		o = l.decode(id, item)
	}
	l.known[id] = o
	return o, ok
}

func (l *lookup) decode(id model.ID, item etcdschema.Item) model.Object {
	if o, err := model.DecodeIntent(id, item.Value); err == nil {
		return o
	}
	if acc, ok, err := l.st.Get(l.ctx, etcdschema.AcceptedKey(id)); err == nil && ok {
		if a, err := etcdschema.Decode[etcdschema.Accepted](acc.Value); err == nil {
			return a.Object
		}
	}
	return model.Object{Kind: id.Kind}
}
