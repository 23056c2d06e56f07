package engine

import (
	"maps"
	"strconv"
	"time"

	"weft/etcdschema"
	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/engine/report"
)

const (
	// idleReport is how often a node renews its summary when only the revision that it has seen changes.
	idleReport = 30 * time.Second
	// idleBuckets is how many buckets it renews then although nothing in them changed. All have their turn within four minutes: what
	// somebody removed from etcd comes back.
	idleBuckets = 8
)

// publish gives the result of a reconcile pass to the reporter: the changed buckets and the summary together.
func (e *Engine) publish(w *work, now time.Time) {
	dirty := map[int]bool{}
	for k := range w.changed {
		dirty[etcdschema.Bucket(k.UID)] = true
	}
	for uid := range w.uids {
		dirty[etcdschema.Bucket(uid)] = true
	}
	if !e.reported || w.wentBack {
		e.reported = true
		for b := range etcdschema.Buckets {
			dirty[b] = true
		}
	}
	if now.Sub(e.renewedAt) >= idleReport {
		e.renewedAt = now
		var renew []int
		for range idleBuckets {
			renew = append(renew, e.renewed%etcdschema.Buckets)
			e.renewed++
		}
		for _, b := range renew {
			dirty[b] = true
		}
		e.report.Renew(renew)
	}
	if len(dirty) == 0 && !w.urgent && !w.repaired && now.Sub(e.reportedAt) < idleReport {
		return
	}
	e.reportedAt = now
	buckets := make(map[int]etcdschema.BucketReport, len(dirty))
	for b := range dirty {
		buckets[b] = e.bucket(b)
	}
	e.report.Publish(e.nodeReport(now), buckets, w.urgent)
}

// nodeReport is the node's present summary.
func (e *Engine) nodeReport(now time.Time) etcdschema.NodeReport {
	r := etcdschema.NodeReport{Version: e.c.Version, Features: e.c.Features, ProcessedRevision: e.config.applied.Revision,
		EtcdRevision: e.config.seen.Revision, ClusterID: strconv.FormatUint(e.config.seen.ClusterID, 16),
		Ports: e.config.applied.Count(desired.KindPort), Repaired: maps.Clone(e.repaired), Held: e.config.held(now), At: now.UTC()}
	if e.config.head != nil {
		r.Generation = e.config.head.Generation
	}
	gateways := map[bool]float64{}
	warned := map[object.WarningReason]float64{}
	for _, it := range e.items.items {
		if it.exception != nil {
			r.Exceptions++
		}
		for id := range it.warnings {
			warned[id.reason]++
			r.Warnings++
		}
		if g := it.result.Gateway; g != nil {
			gateways[g.Active]++
		}
	}
	e.metrics.gateways.WithLabelValues(string(etcdschema.GatewayActive)).Set(gateways[true])
	e.metrics.gateways.WithLabelValues(string(etcdschema.GatewayStandby)).Set(gateways[false])
	r.Exceptions += len(e.items.orphans)
	for _, reason := range object.WarningReasons() {
		e.metrics.warnings.WithLabelValues(string(reason)).Set(warned[reason])
	}
	return r
}

// bucket is one bucket of the report.
func (e *Engine) bucket(b int) etcdschema.BucketReport {
	r := etcdschema.BucketReport{Ports: map[string]etcdschema.PortReport{}, Exceptions: map[string]etcdschema.Exception{},
		Warnings: map[string][]etcdschema.Warning{}, Gateways: map[string]etcdschema.GatewayReport{}, Claimed: map[string]etcdschema.ClaimedReport{},
		Limited: map[string][]etcdschema.RejectedFrames{}}
	for uid, items := range e.items.byUID[b] {
		for _, it := range items {
			if it.exception != nil {
				r.Exceptions[uid] = *it.exception
			}
			if len(it.warnings) > 0 {
				r.Warnings[uid] = append(r.Warnings[uid], it.warnings.list()...)
			}
			if g, ok := e.gatewayReport(it); ok {
				r.Gateways[uid] = g
			}
			if frames := it.rejectedFrames(); len(frames) > 0 && it.key.Kind != desired.KindPort {
				r.Limited[uid] = frames
			}
			if c, ok := report.Claimed(e.config.applied, it.key); ok {
				r.Claimed[uid] = c
			}
		}
		if p := e.config.applied.Port(uid); p != nil {
			r.Ports[uid] = e.portReport(p)
		}
	}
	for k, why := range e.items.orphans {
		if uid := e.items.leaving[k].uid; uid != "" && etcdschema.Bucket(uid) == b {
			if _, worse := r.Exceptions[uid]; !worse {
				r.Exceptions[uid] = etcdschema.Exception{State: etcdschema.ExceptionFailed,
					Reason: "cannot be removed: " + why, Since: time.Now().UTC()}
			}
		}
	}
	return r
}

// gatewayReport is the report of a centralized router; false for any other item.
func (e *Engine) gatewayReport(it *itemState) (g etcdschema.GatewayReport, ok bool) {
	r := e.config.applied.Router(it.key.UID)
	if it.key.Kind != desired.KindRouter || r == nil || r.Central == nil || it.result.Gateway == nil {
		return g, false
	}
	g = etcdschema.GatewayReport{ID: r.Project + "/" + r.Name, State: etcdschema.GatewayStandby, Reason: it.result.Gateway.Reason,
		Since: it.gatewaySince, MAC: r.Central.MAC, External: r.External}
	if it.result.Gateway.Active {
		g.State = etcdschema.GatewayActive
	}
	if x := r.Central.External; x != nil {
		for _, p := range x.Addresses {
			g.Addresses = append(g.Addresses, model.Address{Addr: p.Addr()})
		}
	}
	return g, true
}

// portReport is the report of a port: what the node config says, and its state on the host.
func (e *Engine) portReport(p *desired.Port) etcdschema.PortReport {
	r := report.Port(e.config.applied, p)
	if it := e.items.items[p.Key()]; it != nil {
		r.Device, r.Rejected = it.result.Device, it.rejectedFrames()
	}
	if p.State == desired.StateStandby {
		r.Activated = e.host.activated(p.UID)
	}
	return r
}
