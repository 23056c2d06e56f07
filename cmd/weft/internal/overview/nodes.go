package overview

import (
	"context"
	"maps"
	"slices"
	"strings"

	"weft/cmd/weft/view"
	"weft/etcdschema"
)

// readNodes joins what nodes report, which of them are live, and the hosts that are declared.
func readNodes(ctx context.Context, st Store) ([]Node, error) {
	nodes := make(map[string]*Node)
	at := func(name string) *Node {
		if nodes[name] == nil {
			nodes[name] = &Node{Name: name}
		}
		return nodes[name]
	}
	for _, p := range []etcdschema.Prefix{view.HostIntents(), etcdschema.LivePrefix(), etcdschema.ActualPrefix()} {
		items, _, err := st.List(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, i := range items {
			parts := strings.Split(i.Key.String(), "/")
			node, _, summary, isReport := etcdschema.ParseActual(i.Key)
			switch {
			case parts[0] == "intent":
				at(parts[len(parts)-1])
			case parts[0] == "live":
				at(parts[1]).Live = true
			case isReport:
				at(node).take(i, summary)
			}
		}
	}
	names := slices.Sorted(maps.Keys(nodes))
	heads, err := readHeads(ctx, st, names)
	if err != nil {
		return nil, err
	}
	var out []Node
	for _, name := range names {
		n := nodes[name]
		if head, ok := heads[name]; ok {
			n.Behind = max(0, head.Generation-n.Report.Generation)
		}
		out = append(out, *n)
	}
	return out, nil
}

// readHeads reads the heads of the nodes' configs.
func readHeads(ctx context.Context, st Store, nodes []string) (map[string]etcdschema.Head, error) {
	keys := make([]etcdschema.Key, len(nodes))
	for i, name := range nodes {
		keys[i] = etcdschema.HeadKey(name)
	}
	items, err := st.GetMany(ctx, keys)
	if err != nil {
		return nil, err
	}
	heads := make(map[string]etcdschema.Head, len(nodes))
	for i, name := range nodes {
		if head, err := etcdschema.Decode[etcdschema.Head](items[keys[i]].Value); err == nil {
			heads[name] = head
		}
	}
	return heads, nil
}

// bucket is what is shown of a bucket. Most of a bucket are the ports, which are all right if nothing is said about them.
type bucket struct {
	Exceptions map[string]etcdschema.Exception `json:"exceptions"`
	Warnings   map[string][]etcdschema.Warning `json:"warnings"`
}

// take adds one key of actual/<node>/; what cannot be read is left out.
func (n *Node) take(i etcdschema.Item, summary bool) {
	if summary {
		n.Report, _ = etcdschema.Decode[etcdschema.NodeReport](i.Value)
		return
	}
	b, err := etcdschema.Decode[bucket](i.Value)
	if err != nil {
		return
	}
	if n.Exceptions == nil {
		n.Exceptions, n.Warnings = make(map[string]etcdschema.Exception), make(map[string][]etcdschema.Warning)
	}
	maps.Copy(n.Exceptions, b.Exceptions)
	maps.Copy(n.Warnings, b.Warnings)
}
