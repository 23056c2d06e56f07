package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"weft/etcdschema"
	"weft/model"
)

func statusCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:      "status",
		Usage:     "show how far every host is, and what is pending and why",
		UsageText: "weft status [-o table|json]",
		Flags:     append(connectionFlags(), outputFlag()),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return withClient(c, func(ctx context.Context, client *etcdschema.Client, _ settings) error {
				o, err := overview(ctx, client)
				if err != nil {
					return err
				}
				if c.String("output") == "json" {
					enc := json.NewEncoder(s.out)
					enc.SetIndent("", "  ")
					return enc.Encode(o)
				}
				return o.print(s.out, time.Now())
			})
		},
	})
}

// clusterStatus is everything `weft status` shows.
type clusterStatus struct {
	Control *etcdschema.ControlStatus `json:"control,omitempty"` // nil when no controller ever led
	Nodes   []nodeStatus              `json:"nodes"`
	Pending []pendingItem             `json:"pending"`
}

// nodeStatus is one host: its report beside its slice.
type nodeStatus struct {
	Name   string                `json:"name"`
	Live   bool                  `json:"live"`
	Report etcdschema.NodeReport `json:"report"`
	// Behind is the number of changes to the slice that the host has not processed.
	Behind     int64                           `json:"behind"`
	Exceptions map[string]etcdschema.Exception `json:"exceptions,omitempty"` // by uid
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
		name := strings.TrimPrefix(i.Key.String(), etcdschema.StatusPrefix().String()) // of what is no object
		if id, ok := etcdschema.ParseID(i.Key); ok {
			name = id.String()
		}
		names[status.UID] = name
		if status.Phase != etcdschema.PhaseAccepted {
			e := entry{status: status}
			o.Pending = append(o.Pending, pendingItem{Object: name, State: string(status.Phase), Reason: e.firstReason()})
		}
	}
	for _, n := range nodes {
		for _, uid := range slices.Sorted(maps.Keys(n.Exceptions)) {
			ex := n.Exceptions[uid]
			name, ok := names[uid]
			if !ok {
				name = "uid " + uid
			}
			o.Pending = append(o.Pending, pendingItem{name, n.Name, string(ex.State), ex.Reason, ex.Since})
		}
	}
	return o, nil
}

// readNodes joins what nodes report, which of them are live, and the hosts that are declared.
func readNodes(ctx context.Context, st store) ([]nodeStatus, error) {
	nodes := make(map[string]*nodeStatus)
	at := func(name string) *nodeStatus {
		if nodes[name] == nil {
			nodes[name] = &nodeStatus{Name: name}
		}
		return nodes[name]
	}
	for _, p := range []etcdschema.Prefix{
		etcdschema.IntentPrefix().OfKind(model.ClusterProject, model.KindHost), etcdschema.LivePrefix(), etcdschema.ActualPrefix(),
	} {
		items, _, err := st.List(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, i := range items {
			parts := strings.Split(i.Key.String(), "/")
			switch {
			case parts[0] == "intent":
				at(parts[len(parts)-1])
			case parts[0] == "live":
				at(parts[1]).Live = true
			case len(parts) > 2:
				at(parts[1]).take(i, parts[2])
			}
		}
	}
	var out []nodeStatus
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		head, ok, err := st.Get(ctx, etcdschema.HeadKey(name))
		if err != nil {
			return nil, err
		}
		if h, err := etcdschema.Decode[etcdschema.Head](head.Value); ok && err == nil {
			nodes[name].Behind = max(0, h.Generation-nodes[name].Report.Generation)
		}
		out = append(out, *nodes[name])
	}
	return out, nil
}

// take adds one key of actual/<node>/; what cannot be read is left out.
func (n *nodeStatus) take(i etcdschema.Item, part string) {
	if part == "node" {
		n.Report, _ = etcdschema.Decode[etcdschema.NodeReport](i.Value)
		return
	}
	bucket, err := etcdschema.Decode[etcdschema.BucketReport](i.Value)
	if err != nil || len(bucket.Exceptions) == 0 {
		return
	}
	if n.Exceptions == nil {
		n.Exceptions = make(map[string]etcdschema.Exception)
	}
	maps.Copy(n.Exceptions, bucket.Exceptions)
}

func (o clusterStatus) print(out io.Writer, now time.Time) error {
	o.printControl(out, now)
	if len(o.Nodes) == 0 {
		_, err := fmt.Fprintln(out, "no hosts: declare a Host and start weftd on it")
		return err
	}
	var rows [][]string
	for _, n := range o.Nodes {
		r := n.Report
		rows = append(rows, []string{n.Name, n.state(), r.Version, strconv.FormatInt(r.ProcessedRevision, 10),
			strconv.FormatInt(n.Behind, 10), strconv.Itoa(r.Ports), strconv.Itoa(r.Exceptions), counts(r.Repaired), age(now, r.At)})
	}
	header := []string{"HOST", "STATE", "VERSION", "REVISION", "LAG", "PORTS", "EXCEPTIONS", "REPAIRED", "REPORTED"}
	if err := table(out, header, rows); err != nil {
		return err
	}
	for _, n := range o.Nodes {
		if n.Report.Held != "" {
			fmt.Fprintf(out, "\n%s holds its last good state: %s\n  if this was meant: weft host accept %s\n",
				printable(n.Name), printable(n.Report.Held), printable(n.Name))
		}
	}
	if len(o.Pending) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	rows = nil
	for _, p := range o.Pending {
		rows = append(rows, []string{p.Object, p.Node, p.State, age(now, p.Since), p.Reason})
	}
	return table(out, []string{"OBJECT", "HOST", "STATE", "SINCE", "REASON"}, rows)
}

func (o clusterStatus) printControl(out io.Writer, now time.Time) {
	if o.Control == nil {
		fmt.Fprintln(out, "no controller has led yet: is weft-controller running?")
		return
	}
	fmt.Fprintf(out, "controllers: %s leads since %s\n", printable(o.Control.Leader), age(now, o.Control.Since))
	if b := o.Control.Brake; b != nil {
		fmt.Fprintf(out, "  nothing is written since %s: %s\n  if this was meant: weft accept\n", age(now, b.Since), printable(b.Reason))
	}
	fmt.Fprintln(out)
}

func (n nodeStatus) state() string {
	switch {
	case n.Report.Held != "":
		return "Held"
	case n.Report.At.IsZero() && !n.Live:
		return "NeverSeen"
	case !n.Live:
		return "Silent"
	case n.Behind > 0:
		return "Behind"
	}
	return "Ready"
}

// counts writes "nft=1,ovs=3".
func counts(m map[string]uint64) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if m[k] > 0 {
			parts = append(parts, fmt.Sprintf("%s=%d", k, m[k]))
		}
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.Join(parts, ",")
}

func age(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	d := now.Sub(t)
	switch {
	case d < 0:
		return "0s"
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Minute).String()
}

func sortedNodes(m map[string]etcdschema.NodeStatus) []string { return slices.Sorted(maps.Keys(m)) }
