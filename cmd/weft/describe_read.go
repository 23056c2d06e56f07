package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	"weft/cmd/weft/view"
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// claimRecord is the claim on a value that the object uses; found is false if nobody has claimed it.
type claimRecord struct {
	key   etcdschema.Key
	claim etcdschema.Claim
	found bool
}

// readRecords reads what describe shows of one object: a handful of keys for each host that holds it, never a prefix.
func readRecords(ctx context.Context, st store, kind view.Kind, e view.Entry) (view.Records, []claimRecord, error) {
	r := &recordReader{ctx: ctx, st: st}
	records := view.Records{Hosts: make(map[string]view.HostRecords)}
	var reads view.Reads
	if kind.Reads != nil {
		reads = kind.Reads(e)
	}
	dependent := reads.Network != model.ID{}
	if dependent {
		records.Network = recordAt[etcdschema.Accepted](r, etcdschema.AcceptedKey(reads.Network))
	}
	for node := range e.Status.Nodes {
		h := r.host(node, e.Status.UID)
		if reads.Port {
			h.Port = recordAt[desired.Port](r, etcdschema.DesiredKey(node, desired.Key{Kind: desired.KindPort, UID: e.Status.UID}))
		}
		if dependent {
			h.Around = r.around(node, records.Network)
		}
		records.Hosts[node] = h
	}
	if reads.Gateway != "" {
		records.Gateways = r.gateways(reads.Gateway)
	}
	var claims []claimRecord
	if kind.Claims != nil {
		claims = r.claims(kind.Claims(e, records))
	}
	return records, claims, r.err
}

// recordReader reads single keys until the first failure.
type recordReader struct {
	ctx context.Context
	st  store
	err error
}

func (r *recordReader) get(k etcdschema.Key) (etcdschema.Item, bool) {
	if r.err != nil {
		return etcdschema.Item{}, false
	}
	item, ok, err := r.st.Get(r.ctx, k)
	r.err = err
	return item, ok && err == nil
}

// recordAt reads one record; nil if there is none. A record that cannot be decoded counts as missing.
func recordAt[T any](r *recordReader, k etcdschema.Key) *T {
	item, ok := r.get(k)
	if !ok {
		return nil
	}
	v, err := etcdschema.Decode[T](item.Value)
	if err != nil {
		return nil
	}
	return &v
}

// host reads what a host reports of itself and of the object with the uid.
func (r *recordReader) host(node, uid string) view.HostRecords {
	var h view.HostRecords
	_, live := r.get(etcdschema.Live(node))
	h.Silent = !live
	if report := recordAt[etcdschema.NodeReport](r, etcdschema.ActualNode(node)); report != nil {
		h.Report = *report
	}
	b := r.bucket(node, etcdschema.Bucket(uid))
	if x, has := b.Exceptions[uid]; has {
		h.Exception = &x
	}
	h.Gateway, h.Warnings, h.Device, h.Rejected = b.Gateways[uid], b.Warnings[uid], b.Ports[uid].Device, b.Ports[uid].Rejected
	if list := b.Limited[uid]; len(list) > 0 {
		h.Rejected = list
	}
	return h
}

// bucket reads one bucket of a host's report; without anything if there is none.
func (r *recordReader) bucket(node string, n int) etcdschema.BucketReport {
	if b := recordAt[etcdschema.BucketReport](r, etcdschema.ActualBucket(node, n)); b != nil {
		return *b
	}
	return etcdschema.BucketReport{}
}

// gateways lists what the host reports of centralized routers on it.
func (r *recordReader) gateways(node string) []etcdschema.GatewayReport {
	var list []etcdschema.GatewayReport
	for i := range etcdschema.Buckets {
		list = slices.AppendSeq(list, maps.Values(r.bucket(node, i).Gateways))
	}
	slices.SortFunc(list, func(a, b etcdschema.GatewayReport) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// around lists the exceptions of what an object depends on at a node, because without the uplink a port reaches nothing outside its host.
func (r *recordReader) around(node string, network *etcdschema.Accepted) (out []view.Related) {
	host := recordAt[etcdschema.Accepted](r, etcdschema.AcceptedKey(view.HostID(node)))
	for _, a := range []*etcdschema.Accepted{network, host} {
		if a == nil {
			continue
		}
		if x, has := r.bucket(node, etcdschema.Bucket(a.UID)).Exceptions[a.UID]; has {
			out = append(out, view.Related{ID: a.Object.ID(), Exception: x})
		}
	}
	return out
}

func (r *recordReader) claims(keys []etcdschema.Key) []claimRecord {
	list := make([]claimRecord, len(keys))
	for i, k := range keys {
		list[i].key = k
		if c := recordAt[etcdschema.Claim](r, k); c != nil {
			list[i].claim, list[i].found = *c, true
		}
	}
	return list
}
