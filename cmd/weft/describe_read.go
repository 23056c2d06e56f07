package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// detail is what describe shows of an object beyond its intent and status.
type detail struct {
	network *etcdschema.Accepted // of a port or a floating address: its accepted network; nil when there is none
	hosts   map[string]hostDetail
	claims  []claimDetail
	// gateways are the centralized routers on a host with the role, in the order of their names.
	gateways []etcdschema.GatewayReport
}

// hostDetail is one host's side of an object.
type hostDetail struct {
	silent    bool                     // no weftd answers for the host now: what it reported may be old
	port      *desired.Port            // the port's item in the host's node config; nil for other kinds
	report    etcdschema.NodeReport    // the zero value before the first
	gateway   etcdschema.GatewayReport // the state of a centralized router there; the zero value before it is reported
	exception *etcdschema.Exception    // why the host has not programmed the object; nil if it has
	warnings  []etcdschema.Warning     // what looks wrong about the object there, although nothing failed
	device    string                   // the port's interface there, as weftd reports it; empty while there is none
	around    []trouble                // problems of what the port depends on there: its network, the host itself
}

// trouble is an exception of another object that a port needs.
type trouble struct {
	id        model.ID
	exception etcdschema.Exception
}

// claimDetail is the claim on a value that the object uses; found is false if nobody has claimed it.
type claimDetail struct {
	key   etcdschema.Key
	claim etcdschema.Claim
	found bool
}

// readDetail reads what describe shows of one object: a handful of keys for each host that holds it, never a prefix.
func readDetail(ctx context.Context, st store, e entry) (detail, error) {
	r := &detailReader{ctx: ctx, st: st}
	d := detail{hosts: make(map[string]hostDetail)}
	s, isPort := e.object.Spec.(*model.PortSpec)
	f, isFloating := e.object.Spec.(*model.FloatingIPSpec)
	network := model.ID{}
	switch {
	case isPort:
		network = s.NetworkID(e.id.Project)
	case isFloating:
		network = f.NetworkID(e.id.Project)
	}
	if isPort || isFloating {
		if a, ok := decodeAt[etcdschema.Accepted](r, etcdschema.AcceptedKey(network)); ok {
			d.network = &a
		}
	}
	for node := range e.status.Nodes {
		h := r.host(node, e)
		if isPort || isFloating {
			h.around = r.around(node, d.network)
		}
		d.hosts[node] = h
	}
	if h, ok := e.object.Spec.(*model.HostSpec); ok && slices.Contains(h.Roles, model.RoleGateway) {
		d.gateways = r.gateways(e.id.Name)
	}
	if isPort || isFloating || e.id.Kind == model.KindRouter {
		d.claims = r.claims(e, d)
	}
	return d, r.err
}

// detailReader reads single keys until the first failure.
type detailReader struct {
	ctx context.Context
	st  store
	err error
}

func (r *detailReader) get(k etcdschema.Key) (etcdschema.Item, bool) {
	if r.err != nil {
		return etcdschema.Item{}, false
	}
	item, ok, err := r.st.Get(r.ctx, k)
	r.err = err
	return item, ok && err == nil
}

// decodeAt reads one value. A value that cannot be decoded counts as missing.
func decodeAt[T any](r *detailReader, k etcdschema.Key) (v T, ok bool) {
	item, there := r.get(k)
	if !there {
		return v, false
	}
	v, err := etcdschema.Decode[T](item.Value)
	return v, err == nil
}

func (r *detailReader) host(node string, e entry) hostDetail {
	var h hostDetail
	_, live := r.get(etcdschema.Live(node))
	h.silent = !live
	h.report, _ = decodeAt[etcdschema.NodeReport](r, etcdschema.ActualNode(node))
	b, _ := decodeAt[etcdschema.BucketReport](r, etcdschema.ActualBucket(node, etcdschema.Bucket(e.status.UID)))
	if x, has := b.Exceptions[e.status.UID]; has {
		h.exception = &x
	}
	h.gateway = b.Gateways[e.status.UID]
	h.warnings = b.Warnings[e.status.UID]
	h.device = b.Ports[e.status.UID].Device
	if e.id.Kind == model.KindPort {
		if p, ok := decodeAt[desired.Port](r, etcdschema.DesiredKey(node, desired.Key{Kind: desired.KindPort, UID: e.status.UID})); ok {
			h.port = &p
		}
	}
	return h
}

// gateways lists what the host reports of centralized routers on it.
func (r *detailReader) gateways(node string) []etcdschema.GatewayReport {
	var list []etcdschema.GatewayReport
	for i := range etcdschema.Buckets {
		b, _ := decodeAt[etcdschema.BucketReport](r, etcdschema.ActualBucket(node, i))
		list = slices.AppendSeq(list, maps.Values(b.Gateways))
	}
	slices.SortFunc(list, func(a, b etcdschema.GatewayReport) int { return strings.Compare(a.ID, b.ID) })
	return list
}

func (r *detailReader) exception(node, uid string) *etcdschema.Exception {
	b, _ := decodeAt[etcdschema.BucketReport](r, etcdschema.ActualBucket(node, etcdschema.Bucket(uid)))
	if x, has := b.Exceptions[uid]; has {
		return &x
	}
	return nil
}

// around lists the exceptions of what a port depends on, because without the uplink a port reaches nothing outside its host.
func (r *detailReader) around(node string, network *etcdschema.Accepted) (out []trouble) {
	add := func(a etcdschema.Accepted) {
		if x := r.exception(node, a.UID); x != nil {
			out = append(out, trouble{a.Object.ID(), *x})
		}
	}
	if network != nil {
		add(*network)
	}
	host := model.ID{Project: model.ClusterProject, Kind: model.KindHost, Name: node}
	if a, ok := decodeAt[etcdschema.Accepted](r, etcdschema.AcceptedKey(host)); ok {
		add(a)
	}
	return out
}

// claims are the claims on the values that a port, a floating address or a router uses: MAC, addresses, interface id, and the device on
// each host.
func (r *detailReader) claims(e entry, d detail) []claimDetail {
	var keys []etcdschema.Key
	a := e.status.Allocated
	if !a.MAC.IsZero() {
		keys = append(keys, etcdschema.MACClaim(a.MAC))
	}
	if d.network != nil {
		for _, addr := range a.Addresses {
			keys = append(keys, etcdschema.AddressClaim(d.network.UID, addr))
		}
	}
	for _, x := range a.External {
		for _, addr := range x.Addresses {
			keys = append(keys, etcdschema.AddressClaim(x.UID, addr))
		}
	}
	named := false
	for _, node := range sortedNodes(e.status.Nodes) {
		p := d.hosts[node].port
		if p == nil {
			continue
		}
		if !named {
			keys, named = append(keys, etcdschema.InterfaceClaim(p.InterfaceID)), true
		}
		keys = append(keys, etcdschema.DeviceClaim(node, p.Device))
	}
	var out []claimDetail
	for _, k := range keys {
		c := claimDetail{key: k}
		c.claim, c.found = decodeAt[etcdschema.Claim](r, k)
		out = append(out, c)
	}
	return out
}
