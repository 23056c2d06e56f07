package overview

import (
	"context"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"weft/cmd/weft/view"
	"weft/etcdschema"
)

// Read reads reports, liveness and statuses, but not etcd's own health.
func Read(ctx context.Context, st Store) (Cluster, error) {
	var nodes []Node
	var items []etcdschema.Item
	g, reading := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		nodes, err = readNodes(reading, st)
		return err
	})
	g.Go(func() (err error) {
		items, _, err = st.List(reading, etcdschema.StatusPrefix())
		return err
	})
	if err := g.Wait(); err != nil {
		return Cluster{}, err
	}
	o := Cluster{Nodes: nodes}
	names := make(map[string]string)
	for _, i := range items {
		if i.Key == etcdschema.ControlStatusKey() {
			if c, err := etcdschema.Decode[etcdschema.ControlStatus](i.Value); err == nil {
				o.Control = &c
			}
			continue
		}
		status, err := etcdschema.DecodeStatus(i.Value)
		if err != nil {
			continue
		}
		name := strings.TrimPrefix(i.Key.String(), etcdschema.StatusPrefix().String()) // for a key that is not an object's
		if id, ok := etcdschema.ParseID(i.Key); ok {
			name = id.String()
		}
		names[status.UID] = name
		if status.Phase != etcdschema.PhaseAccepted {
			o.Pending = append(o.Pending, Pending{Object: name, State: string(status.Phase), Reason: view.FirstReason(status)})
		}
	}
	nameOf := func(uid string) string {
		if name, known := names[uid]; known {
			return name
		}
		return "uid " + uid
	}
	for _, n := range nodes {
		for _, uid := range slices.Sorted(maps.Keys(n.Exceptions)) {
			ex := n.Exceptions[uid]
			o.Pending = append(o.Pending, Pending{nameOf(uid), n.Name, string(ex.State), ex.Reason, ex.Since})
		}
		for _, uid := range slices.Sorted(maps.Keys(n.Warnings)) {
			for _, w := range n.Warnings[uid] {
				o.Warnings = append(o.Warnings, Warning{nameOf(uid), n.Name, w})
			}
		}
	}
	return o, nil
}
