package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"weft/cmd/weft/internal/terminal"
	"weft/cmd/weft/view"
	"weft/etcdschema"
)

func statusCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:      "status",
		Usage:     "show how far every host is, and what is pending and why",
		UsageText: "weft status [--all] [-o table|json]",
		Flags: append(connectionFlags(), outputFlag(),
			&cli.BoolFlag{Name: "all", Usage: "list every object that is pending, however many they are"}),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return withClient(c, func(ctx context.Context, client *etcdschema.Client, _ settings) error {
				health := etcdschema.Examine(ctx, client)
				o, err := overview(ctx, client)
				if err != nil {
					printEtcd(s.err, health)
					return err
				}
				o.Etcd = &health
				if c.String("output") == "json" {
					return terminal.WriteJSON(s.out, o)
				}
				return o.print(s.out, c.Bool("all"), time.Now())
			})
		},
	})
}

// clusterStatus is everything `weft status` shows.
type clusterStatus struct {
	Etcd    *etcdschema.Health        `json:"etcd,omitempty"`
	Control *etcdschema.ControlStatus `json:"control,omitempty"` // nil when no controller ever led
	Nodes   []nodeStatus              `json:"nodes"`
	Pending []pendingItem             `json:"pending"`
	// Warnings are what looks wrong although nothing failed.
	Warnings []warningItem `json:"warnings,omitempty"`
}

// nodeStatus is one host: its report, compared with its node config.
type nodeStatus struct {
	Name   string                `json:"name"`
	Live   bool                  `json:"live"`
	Report etcdschema.NodeReport `json:"report"`
	// Behind is the number of changes to the node config that the host has not processed.
	Behind     int64                           `json:"behind"`
	Exceptions map[string]etcdschema.Exception `json:"exceptions,omitempty"` // by uid
	Warnings   map[string][]etcdschema.Warning `json:"warnings,omitempty"`   // by uid
}

// warningItem is something that looks wrong about one object on one host.
type warningItem struct {
	Object string `json:"object"` // as a pendingItem's
	Node   string `json:"node"`
	etcdschema.Warning
}

// pendingItem is one object that is not as declared, with the reason.
type pendingItem struct {
	Object string    `json:"object"` // "Port alpha/web-1", or a uid nobody knows
	Node   string    `json:"node,omitempty"`
	State  string    `json:"state"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since,omitzero"`
}

// overview reads reports, liveness and statuses.
func overview(ctx context.Context, st store) (clusterStatus, error) {
	nodes, err := readNodes(ctx, st)
	if err != nil {
		return clusterStatus{}, err
	}
	items, _, err := st.List(ctx, etcdschema.StatusPrefix())
	if err != nil {
		return clusterStatus{}, err
	}
	o := clusterStatus{Nodes: nodes}
	names := make(map[string]string)
	for _, i := range items {
		if i.Key == etcdschema.ControlStatusKey() {
			if c, err := etcdschema.Decode[etcdschema.ControlStatus](i.Value); err == nil {
				o.Control = &c
			}
			continue
		}
		status, err := etcdschema.Decode[etcdschema.Status](i.Value)
		if err != nil {
			continue
		}
		name := strings.TrimPrefix(i.Key.String(), etcdschema.StatusPrefix().String()) // for a key that is not an object's
		if id, ok := etcdschema.ParseID(i.Key); ok {
			name = id.String()
		}
		names[status.UID] = name
		if status.Phase != etcdschema.PhaseAccepted {
			o.Pending = append(o.Pending, pendingItem{Object: name, State: string(status.Phase), Reason: view.FirstReason(status)})
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
			o.Pending = append(o.Pending, pendingItem{nameOf(uid), n.Name, string(ex.State), ex.Reason, ex.Since})
		}
		for _, uid := range slices.Sorted(maps.Keys(n.Warnings)) {
			for _, w := range n.Warnings[uid] {
				o.Warnings = append(o.Warnings, warningItem{nameOf(uid), n.Name, w})
			}
		}
	}
	return o, nil
}
