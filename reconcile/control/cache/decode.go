package cache

import (
	"errors"
	"fmt"
	"strings"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// Decoder decodes values. It has no state: it may be used by several goroutines.
type Decoder struct {
	kinds Kinds
	model model.Kinds // of the kinds
}

// NewDecoder returns a decoder that knows the kinds.
func NewDecoder(kinds Kinds) *Decoder { return &Decoder{kinds, kinds.intents()} }

// Prepare decodes an item that was read from etcd. Items that many nodes have are left to the cache, which decodes them once.
func (d *Decoder) Prepare(it etcdschema.Item) any {
	if _, shared := d.shared(it.Key); shared {
		return nil
	}
	return d.decode(it.Key, &Entry{Data: it.Value, ModRevision: it.ModRevision, CreateRevision: it.CreateRevision})
}

// shared says that the key is that of an item that many nodes have.
func (d *Decoder) shared(k etcdschema.Key) (item desired.Key, ok bool) {
	if Area(k) != "desired" {
		return item, false
	}
	_, item, head, ok := etcdschema.ParseDesired(k)
	kind, _ := d.kinds.item(item.Kind)
	return item, ok && !head && kind.Shared
}

// decode is the record under the key; nil when it is not needed or cannot be decoded.
func (d *Decoder) decode(k etcdschema.Key, e *Entry) any {
	switch Area(k) {
	case "intent":
		return d.decodeIntent(k, e)
	case "accepted":
		if v, err := etcdschema.DecodeAccepted(d.model, e.Data); err == nil {
			return &v
		}
	case "claim":
		return Decoded[etcdschema.Claim](e.Data)
	case "desired":
		return d.decodeDesired(k, e.Data)
	case "actual":
		return DecodeReport(k, e.Data)
	case "status":
		if k == etcdschema.ControlStatusKey() {
			return Decoded[etcdschema.ControlStatus](e.Data)
		}
	}
	return nil
}

func (d *Decoder) decodeIntent(k etcdschema.Key, e *Entry) any {
	in := &Intent{CreateRevision: e.CreateRevision, ModRevision: e.ModRevision}
	id, ok := etcdschema.ParseIDOf(d.model, k)
	if !ok {
		in.Problems = []etcdschema.Reason{{Message: fmt.Sprintf(
			"the key names no object: write intent/<project>/<kind>/<name>, with kind one of %s and project %s for kinds of the whole region",
			kindSegments(d.model), model.ClusterProject)}}
		return in
	}
	o, err := d.model.DecodeIntent(id, e.Data)
	if err != nil {
		in.Problems = reasonsOf(err)
		return in
	}
	in.Object = o
	return in
}

func kindSegments(kinds model.Kinds) string {
	var s []string
	for _, k := range kinds.Names() {
		s = append(s, k.Segment())
	}
	return strings.Join(s, ", ")
}

func (d *Decoder) decodeDesired(k etcdschema.Key, data []byte) any {
	_, item, head, ok := etcdschema.ParseDesired(k)
	switch {
	case !ok:
		return nil
	case head:
		return Decoded[etcdschema.Head](data)
	}
	kind, known := d.kinds.item(item.Kind)
	if !known {
		return nil
	}
	v := kind.New()
	if err := etcdschema.DecodeInto(data, v); err != nil {
		return nil
	}
	return v
}

// reasonsOf turns an error of package model into the reasons of a status.
func reasonsOf(err error) []etcdschema.Reason {
	var list model.Errors
	if !errors.As(err, &list) {
		return []etcdschema.Reason{{Message: err.Error()}}
	}
	out := make([]etcdschema.Reason, 0, len(list))
	for _, e := range list {
		out = append(out, etcdschema.Reason{Field: e.Field, Message: e.Message})
	}
	return out
}
