package testbed

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/integration/timescale"
	"weft/model"
	"weft/model/desired"
)

// AwaitTimeout bounds Await when its context has no deadline, on a machine of usual speed (see timescale).
const AwaitTimeout = 60 * time.Second

// View is the content of etcd under some prefixes, by key without root and layout.
type View struct {
	Items map[string]etcdschema.Item
	// Revision up to which the view is.
	Revision int64
}

// Lookup decodes the value of a key; ok is false if the key is missing or cannot be decoded.
func Lookup[T any](v *View, k etcdschema.Key) (value T, item etcdschema.Item, ok bool) {
	item, ok = v.Items[k.String()]
	if !ok {
		return value, item, false
	}
	value, err := etcdschema.Decode[T](item.Value)
	return value, item, err == nil
}

// DesiredPort is a port in a node's config.
type DesiredPort struct {
	Node     string
	Port     *desired.Port
	Revision int64 // mod revision of its key
}

// Ports lists the desired ports that have the intent name, one for each node that holds it. The view must hold
// etcdschema.DesiredPrefix.
func (v *View) Ports(project, name string) []DesiredPort {
	var ports []DesiredPort
	for _, key := range sortedKeys(v.Items) {
		node, item, head, ok := etcdschema.ParseDesired(v.Items[key].Key)
		if !ok || head || item.Kind != desired.KindPort {
			continue
		}
		p, err := etcdschema.Decode[desired.Port](v.Items[key].Value)
		if err == nil && p.Project == project && p.Name == name {
			ports = append(ports, DesiredPort{node, &p, v.Items[key].ModRevision})
		}
	}
	return ports
}

// Programmed says whether the newest intent of an object is accepted, resolved and programmed on every node that it concerns, and if not,
// why. The view must hold intent, status, desired and actual.
func (v *View) Programmed(id model.ID) (ok bool, why string) {
	intent, there := v.Items[etcdschema.Intent(id).String()]
	if !there {
		return false, fmt.Sprintf("%s: no intent", id)
	}
	status, _, there := Lookup[etcdschema.Status](v, etcdschema.StatusKey(id))
	switch {
	case !there:
		return false, fmt.Sprintf("%s: no status", id)
	case status.IntentRevision < intent.ModRevision:
		return false, fmt.Sprintf("%s: status is of an older intent", id)
	case status.Phase != etcdschema.PhaseAccepted:
		return false, fmt.Sprintf("%s: %s: %v", id, status.Phase, status.Reasons)
	case len(status.Nodes) == 0:
		return false, fmt.Sprintf("%s: on no node yet", id)
	}
	for _, node := range sortedKeys(status.Nodes) {
		if n := status.Nodes[node]; !n.Programmed {
			return false, fmt.Sprintf("%s: not programmed on %s: %s", id, node, n.Reason)
		}
	}
	return true, ""
}

// errMet ends a Follow when the condition holds.
var errMet = errors.New("met")

// Await follows the prefixes until the condition holds. The condition says why it does not hold yet, and the error contains the last
// reason.
func (b *Testbed) Await(ctx context.Context, prefixes []etcdschema.Prefix, cond func(*View) (ok bool, why string)) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timescale.Bound(AwaitTimeout))
		defer cancel()
	}
	v := &View{Items: map[string]etcdschema.Item{}}
	why := "etcd was not reached"
	err := b.etcd.client.Follow(ctx, prefixes, func(batch etcdschema.Batch) error {
		for _, e := range batch.Events {
			if e.Deleted {
				delete(v.Items, e.Key.String())
			} else {
				v.Items[e.Key.String()] = e.Item
			}
		}
		v.Revision = batch.Revision
		ok := false
		if ok, why = cond(v); ok {
			return errMet
		}
		return nil
	})
	if errors.Is(err, errMet) {
		return nil
	}
	return fmt.Errorf("waited in vain: %s: %w", why, errors.Join(err, ctx.Err()))
}

// AwaitProgrammed waits until every object's newest intent is programmed on every node that it concerns.
func (b *Testbed) AwaitProgrammed(ctx context.Context, ids ...model.ID) error {
	prefixes := []etcdschema.Prefix{etcdschema.IntentPrefix(), etcdschema.StatusPrefix()}
	return b.Await(ctx, prefixes, func(v *View) (bool, string) {
		for _, id := range ids {
			if ok, why := v.Programmed(id); !ok {
				return false, why
			}
		}
		return true, ""
	})
}

// AwaitDesired waits until the port is in the node's config and returns it. A hypervisor gets MAC and device in the same way.
func (b *Testbed) AwaitDesired(ctx context.Context, node, project, name string) (*desired.Port, error) {
	var found *desired.Port
	err := b.Await(ctx, []etcdschema.Prefix{etcdschema.NodeDesired(node)}, func(v *View) (bool, string) {
		for _, p := range v.Ports(project, name) {
			found = p.Port
			return true, ""
		}
		return false, fmt.Sprintf("port %s/%s is not in the node config of %s", project, name, node)
	})
	return found, err
}

// Leader is the name of the controller that leads, or empty. The oldest of the candidates' keys is the leader's. The view must hold
// etcdschema.ElectionPrefix.
func (v *View) Leader() string {
	var oldest etcdschema.Item
	for _, item := range v.Items {
		if strings.HasPrefix(item.Key.String(), etcdschema.ElectionPrefix().String()) &&
			(oldest.CreateRevision == 0 || item.CreateRevision < oldest.CreateRevision) {
			oldest = item
		}
	}
	return string(oldest.Value)
}

// AwaitLeader waits until a controller leads that is not the named one, and returns its name.
func (b *Testbed) AwaitLeader(ctx context.Context, other string) (string, error) {
	var leader string
	err := b.Await(ctx, []etcdschema.Prefix{etcdschema.ElectionPrefix()}, func(v *View) (bool, string) {
		leader = v.Leader()
		return leader != "" && leader != other, "no other controller leads than " + leader
	})
	return leader, err
}

// AwaitReport waits until the condition holds for the node's report, and returns that report. what describes the condition in the error.
func (b *Testbed) AwaitReport(ctx context.Context, node, what string, cond func(etcdschema.NodeReport) bool) (r etcdschema.NodeReport, err error) {
	err = b.Await(ctx, []etcdschema.Prefix{etcdschema.NodeActual(node)}, func(v *View) (bool, string) {
		var ok bool
		r, _, ok = Lookup[etcdschema.NodeReport](v, etcdschema.ActualNode(node))
		return ok && cond(r), node + ": " + what
	})
	return r, err
}

// Report returns what a node reports now.
func (b *Testbed) Report(ctx context.Context, node string) (etcdschema.NodeReport, error) {
	item, ok, err := b.etcd.client.Get(ctx, etcdschema.ActualNode(node))
	if err != nil {
		return etcdschema.NodeReport{}, err
	}
	if !ok {
		return etcdschema.NodeReport{}, fmt.Errorf("testbed: node %s has reported nothing", node)
	}
	return etcdschema.Decode[etcdschema.NodeReport](item.Value)
}
