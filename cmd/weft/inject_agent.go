package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"weft/cmd/weft/internal/guestagent"
	"weft/cmd/weft/internal/guesttree"
	"weft/cmd/weft/internal/terminal"
	"weft/hostnet/guestconfig"
	"weft/model"
)

const (
	// agentLimit bounds everything that is done with one guest's agent.
	agentLimit = 5 * time.Minute
	// addressLimit is how long a guest may take to have its addresses, and addressLook how often it is asked: agents send no events.
	addressLimit = 30 * time.Second
	addressLook  = 200 * time.Millisecond
)

// injectRunning writes into a guest that runs, by its agent, and puts it in force there. Errors name the port and the socket.
func injectRunning(ctx context.Context, g guestconfig.Guest, ids []model.ID, o injectOptions, s streams) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: --agent %s: %w", ids[0], o.agent, err)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, agentLimit)
	defer cancel()
	client, err := guestagent.Dial(ctx, o.agent)
	if err != nil {
		return err
	}
	defer client.Close()
	return injectAgent(ctx, client, g, ids, o, s)
}

func injectAgent(ctx context.Context, agent guesttree.Agent, g guestconfig.Guest, ids []model.ID, o injectOptions, s streams) (err error) {
	var nics []guestagent.Interface
	if o.apply { // first, because it notices the socket of another guest
		if nics, err = nicsOf(ctx, agent, g, ids); err != nil {
			return err
		}
	}
	files, err := guesttree.OpenRunning(ctx, agent)
	if err != nil {
		return err
	}
	plan, err := files.Plan(ctx, g, o.style, o.force)
	if err != nil {
		return err
	}
	tellPlan(plan, s.err)
	if !files.RunsCommands() {
		fmt.Fprintln(s.err, "note: guest-exec is disabled in the guest: files are written in their place, and others in their folder are not known")
	}
	steps := stepsOf(plan, g, nics)
	if o.dryRun {
		what := "would run in the guest"
		if !files.RunsCommands() {
			what = "to be run in the guest by its root"
		}
		for _, step := range steps {
			fmt.Fprintf(s.err, "%s: %s\n", what, step)
		}
		return writeDiff(plan, s.out)
	}
	if err := files.Apply(ctx, plan); err != nil {
		return err
	}
	tellDone(plan, s.out)
	switch {
	case !o.apply:
		return nil
	case len(steps) > 0 && !files.RunsCommands():
		return fmt.Errorf("the files are written, and not in force yet, because guest-exec is disabled in the guest. Run there as root:\n  %s",
			lines(steps))
	case len(steps) > 0:
		if err := files.Force(ctx, steps); err != nil {
			return fmt.Errorf("the files are written, and not in force: %w", err)
		}
	}
	return awaitAddresses(ctx, agent, g, nics, s.out)
}

// nicsOf finds the guest's NICs by their MACs. The guest states the MACs, and they serve only to find names in the guest.
func nicsOf(ctx context.Context, agent guesttree.Agent, g guestconfig.Guest, ids []model.ID) (nics []guestagent.Interface, err error) {
	const without = "write without that by --apply=false"
	if refused := agent.Refused("guest-network-get-interfaces"); len(refused) > 0 {
		return nil, fmt.Errorf("the guest agent does not carry out %s, which tells the names of NICs: allow it in the guest, or %s",
			refused[0], without)
	}
	all, err := agent.Interfaces(ctx)
	if err != nil {
		return nil, err
	}
	for i, n := range g.NICs {
		var found []guestagent.Interface
		var names []string
		for _, nic := range all {
			if bytes.Equal(nic.MAC, n.MAC) {
				found, names = append(found, nic), append(names, nic.Name)
			}
		}
		switch {
		case len(found) == 0:
			return nil, fmt.Errorf("the guest has no NIC with the MAC %s of %s: name the socket of the guest that has it, or %s",
				n.MAC, ids[i], without)
		case len(found) > 1:
			return nil, fmt.Errorf("%s have the MAC %s of %s in the guest, and it must be one NIC to be put in force: %s",
				terminal.Enumerate(names), n.MAC, ids[i], without)
		}
		nics = append(nics, found[0])
	}
	return nics, nil
}

// stepsOf are the commands that put the plan in force, if NICs are given. The network is left alone if its files were as planned and the
// guest has its addresses.
func stepsOf(plan guesttree.Plan, g guestconfig.Guest, nics []guestagent.Interface) (steps []guesttree.Step) {
	if len(nics) == 0 {
		return nil
	}
	if plan.NetworkChanged() || missing(g, nics) != "" {
		var names []string
		for _, nic := range nics {
			names = append(names, nic.Name)
		}
		steps = plan.ForceNetwork(names)
	}
	return append(steps, plan.ForceHostname()...)
}

// missing says which addresses the guest's NICs do not have; empty if they have all. What DHCP gives is not known.
func missing(g guestconfig.Guest, nics []guestagent.Interface) string {
	var lacks []string
	for i, n := range g.NICs {
		for _, a := range n.Addresses {
			if !n.DHCP && !slices.Contains(nics[i].Addresses, a) {
				lacks = append(lacks, nics[i].Name+" has not "+a.String())
			}
		}
	}
	return terminal.Enumerate(lacks)
}

// awaitAddresses waits until the guest says that the NICs have their addresses, and shows them.
func awaitAddresses(ctx context.Context, agent guesttree.Agent, g guestconfig.Guest, nics []guestagent.Interface, out io.Writer) error {
	end := time.NewTimer(addressLimit)
	defer end.Stop()
	look := time.NewTicker(addressLook)
	defer look.Stop()
	for lacks := missing(g, nics); lacks != ""; lacks = missing(g, nics) {
		select {
		case <-look.C:
		case <-end.C:
			return fmt.Errorf("the files are written, and the guest was told to take them, but after %v %s: see its logs", addressLimit, lacks)
		case <-ctx.Done():
			return fmt.Errorf("the files are written, and the guest was told to take them, but so far %s", lacks)
		}
		all, err := agent.Interfaces(ctx)
		if err != nil {
			return err
		}
		for i, nic := range nics {
			if at := slices.IndexFunc(all, func(a guestagent.Interface) bool { return a.Name == nic.Name }); at >= 0 {
				nics[i] = all[at]
			}
		}
	}
	tellAddresses(g, nics, out)
	return nil
}

// tellAddresses says which NIC of the guest has what.
func tellAddresses(g guestconfig.Guest, nics []guestagent.Interface, out io.Writer) {
	for i, nic := range nics {
		var addresses []string
		for _, a := range g.NICs[i].Addresses {
			addresses = append(addresses, a.String())
		}
		what := "has " + strings.Join(addresses, ", ")
		if g.NICs[i].DHCP {
			what = "asks by DHCP"
		}
		fmt.Fprintf(out, "%s %s\n", nic.Name, what)
	}
}

func lines(steps []guesttree.Step) string {
	var list []string
	for _, s := range steps {
		list = append(list, s.String())
	}
	return strings.Join(list, "\n  ")
}
