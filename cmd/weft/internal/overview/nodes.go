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
	var out []Node
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
func (n *Node) take(i etcdschema.Item, summary bool) {
	if summary {
		n.Report, _ = etcdschema.Decode[etcdschema.NodeReport](i.Value)
		return
	}
	bucket, err := etcdschema.Decode[etcdschema.BucketReport](i.Value)
	if err != nil {
		return
	}
	if n.Exceptions == nil {
		n.Exceptions, n.Warnings = make(map[string]etcdschema.Exception), make(map[string][]etcdschema.Warning)
	}
	maps.Copy(n.Exceptions, bucket.Exceptions)
	maps.Copy(n.Warnings, bucket.Warnings)
}
