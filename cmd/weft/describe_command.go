package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"weft/cmd/weft/internal/terminal"
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
				sel := selection{kind: kind, names: c.Args().Tail(), project: set.Project}
				return describe(ctx, client, sel, time.Now(), s.out)
			})
		},
	})
}

// describe shows everything about the selected objects. Ages are those at the time now.
func describe(ctx context.Context, st store, sel selection, now time.Time, out io.Writer) error {
	found, missing, err := load(ctx, st, sel)
	if err != nil {
		return err
	}
	for i, e := range found {
		if i > 0 {
			fmt.Fprintln(out)
		}
		d, err := readDetail(ctx, st, e)
		if err != nil {
			return err
		}
		if err := e.describe(out, d, now); err != nil {
			return err
		}
	}
	return notFound(missing)
}

// describe shows everything about an object.
func (e entry) describe(out io.Writer, d detail, now time.Time) error {
	fmt.Fprintf(out, "%s\n", e.id)
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "  %-14s %s\n", terminal.Printable(name)+":", terminal.Printable(value))
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
	if e.raw != nil && e.status.IntentRevision < e.revision {
		field("waits for", "a controller to look at its newest intent: is weft-controller running?")
	}
	if e.status.Phase == etcdschema.PhaseInvalid && e.status.UID != "" {
		field("in force", "its last valid intent, until this one is corrected")
	}
	a := e.status.Allocated
	field("network", networkText(d.network))
	field("mac", a.MAC.String())
	field("addresses", join(a.Addresses))
	field("device", a.Device)
	field("segment", number(a.SegmentationID))
	field("dhcp servers", join(a.DHCPServers))
	for _, x := range a.External {
		field("external", x.Network+": "+join(x.Addresses)+", "+externalUse(e.id.Kind))
	}
	if len(a.GatewayHosts) > 0 {
		field("gateway hosts", strings.Join(a.GatewayHosts, ", ")+": the first that the others reach is active")
	}
	if a.FixedAddress.IsValid() {
		field("fixed address", a.FixedAddress.String())
	}
	for _, g := range d.gateways {
		field("gateway of", g.ID+": "+gatewayText(g, now))
	}
	for _, c := range d.claims {
		field("claim", claimText(c, e.status.UID, now))
	}
	for _, node := range sortedNodes(e.status.Nodes) {
		for _, line := range hostText(e.status.Nodes[node], d.hosts[node], now) {
			field("host "+node, line)
		}
	}
	if f, ok := e.object.Spec.(*model.FloatingIPSpec); ok && len(targetNames(f)) == 0 {
		field("leads to", "nothing: the address is reserved; set spec.port or spec.portForwards")
	}
	if text := whereabouts(e); text != "" {
		field("guest on", text)
	}
	if p, ok := e.object.Spec.(*model.PortSpec); ok && p.Host == "" {
		field("host", "none: set spec.host, nothing is programmed before")
	}
	return e.describeSpec(out)
}

// describeSpec shows what was declared, as YAML. An invalid intent is shown as it is in etcd, with the errors.
func (e entry) describeSpec(out io.Writer) error {
	if e.raw == nil {
		_, err := fmt.Fprintln(out, "  deleted; the controllers have not finished with it")
		return err
	}
	text := string(e.raw)
	if e.invalid != nil {
		fmt.Fprintf(out, "  the intent is not valid:\n%s", terminal.Indent(e.invalid.Error()))
	} else {
		data, err := terminal.YAML(e.object.Spec)
		if err != nil {
			return err
		}
		text = string(data)
	}
	_, err := fmt.Fprintf(out, "  declared:\n%s", terminal.Indent(text))
	return err
}
