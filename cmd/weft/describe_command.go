package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
	"sigs.k8s.io/yaml"

	"weft/etcdschema"
	"weft/model"
)

func describeCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:      "describe",
		Usage:     "show everything about an object: what was declared, allocated and programmed, and what it waits for",
		UsageText: "weft describe KIND NAME… [-p PROJECT]",
		Flags:     append(connectionFlags(), projectFlag()),
		Action: func(c *cli.Context) error {
			if c.NArg() < 2 {
				return errors.New("describe what? Give a kind and a name, e.g. `weft describe port web-1 -p alpha`")
			}
			return withClient(c, func(ctx context.Context, client *etcdschema.Client, set settings) error {
				kind, err := parseKind(c.Args().First())
				if err != nil {
					return err
				}
				found, missing, err := load(ctx, client, selection{kind: kind, names: c.Args().Tail(), project: set.Project})
				if err != nil {
					return err
				}
				for i, e := range found {
					if i > 0 {
						fmt.Fprintln(s.out)
					}
					silent, err := silentNodes(ctx, client, e)
					if err != nil {
						return err
					}
					if err := e.describe(s.out, silent); err != nil {
						return err
					}
				}
				return notFound(missing)
			})
		},
	})
}

// silentNodes are the object's hosts whose weftd does not answer for it now: what they reported may be old.
func silentNodes(ctx context.Context, st store, e entry) (map[string]bool, error) {
	silent := make(map[string]bool)
	for node := range e.status.Nodes {
		_, live, err := st.Get(ctx, etcdschema.Live(node))
		if err != nil {
			return nil, err
		}
		silent[node] = !live
	}
	return silent, nil
}

// describe shows everything about an object; silent are the hosts without a running weftd.
func (e entry) describe(out io.Writer, silent map[string]bool) error {
	fmt.Fprintf(out, "%s\n", e.id)
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "  %-14s %s\n", name+":", printable(value))
		}
	}
	field("display name", e.object.Metadata.DisplayName)
	field("uid", e.status.UID)
	field("status", e.phase())
	field("intent", fmt.Sprintf("revision %d, controllers saw %d", e.revision, e.status.IntentRevision))
	for _, r := range e.status.Reasons {
		text := r.Message
		if r.Field != "" {
			text = r.Field + ": " + r.Message
		}
		field("reason", text)
	}
	a := e.status.Allocated
	field("mac", a.MAC.String())
	field("addresses", join(a.Addresses))
	field("segment", number(a.SegmentationID))
	field("dhcp servers", join(a.DHCPServers))
	for _, node := range sortedNodes(e.status.Nodes) {
		field("host "+node, nodeText(e.status.Nodes[node], silent[node]))
	}
	if p, ok := e.object.Spec.(*model.PortSpec); ok && p.Host == "" {
		field("host", "none: set spec.host, nothing is programmed before")
	}
	if e.raw != nil && e.status.IntentRevision < e.revision {
		field("waits for", "a controller to look at its newest intent: is weft-controller running?")
	}
	if e.status.Phase == etcdschema.PhaseInvalid && e.status.UID != "" {
		field("in force", "its last valid intent, until this one is corrected")
	}
	return e.describeSpec(out)
}

// nodeText says how far one host is with an object, and if it is not there, why.
func nodeText(n etcdschema.NodeStatus, silent bool) string {
	text := fmt.Sprintf("programmed at revision %d", n.DesiredRevision)
	if !n.Programmed {
		text = fmt.Sprintf("not programmed at revision %d", n.DesiredRevision)
	}
	switch {
	case n.Reason != "":
		text += ": " + n.Reason
	case !n.Programmed && !silent:
		text += ": weftd there has not reported it yet"
	}
	if silent {
		text += "; weftd does not run there, or does not reach etcd: start it, and see its log"
	}
	return text
}

// describeSpec shows what was declared, as YAML; what is not valid is shown as it stands, with what is wrong.
func (e entry) describeSpec(out io.Writer) error {
	if e.raw == nil {
		_, err := fmt.Fprintln(out, "  deleted; the controllers have not finished with it")
		return err
	}
	text := string(e.raw)
	if e.invalid != nil {
		fmt.Fprintf(out, "  the intent is not valid:\n%s", indent(e.invalid.Error()))
	} else {
		data, err := yaml.Marshal(e.object.Spec)
		if err != nil {
			return err
		}
		text = string(data)
	}
	_, err := fmt.Fprintf(out, "  declared:\n%s", indent(text))
	return err
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("    " + printable(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String()
}
