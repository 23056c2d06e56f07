package guesttree

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// forceLimit bounds a command that puts a configuration in force. DHCP clients may wait for a minute.
const forceLimit = 2 * time.Minute

// Step is one command in a guest.
type Step struct {
	Args    []string
	mayFail bool
}

// String is the command as people type it. No argument needs quotes.
func (s Step) String() string { return strings.Join(s.Args, " ") }

// ForceNetwork are the commands that put the network configuration of the plan in force in a guest that runs, for NICs with these names in
// the guest, the first NIC first.
func (p Plan) ForceNetwork(names []string) (steps []Step) {
	add := func(args ...string) { steps = append(steps, Step{Args: args}) }
	switch p.Style {
	case "netplan":
		add("netplan", "apply")
	case "networkmanager":
		add("nmcli", "connection", "reload")
		for i := range names {
			add("nmcli", "connection", "up", fmt.Sprintf("weft%d", i))
		}
	case "networkd":
		add("networkctl", "reload")
		add(append([]string{"networkctl", "reconfigure"}, names...)...)
	case "interfaces":
		for i, name := range names {
			// By its state ifdown ends what configured the NIC before, such as a DHCP client. It fails if that is nothing. With --force it
			// removes addresses that are there without a state, at which ifup would fail.
			to := fmt.Sprintf("%s=weft%d", name, i)
			steps = append(steps, Step{Args: []string{"ifdown", name}, mayFail: true}, Step{Args: []string{"ifdown", "--force", to}, mayFail: true})
			add("ifup", to)
		}
	}
	return steps
}

// ForceHostname is the command that gives a guest that runs the name that the plan changes, if it changes it.
func (p Plan) ForceHostname() (steps []Step) {
	for _, c := range p.Files {
		if c.Path == hostnamePath && !c.unchanged() {
			steps = append(steps, Step{Args: []string{"hostname", strings.TrimSpace(string(c.New))}})
		}
	}
	return steps
}

// NetworkChanged says that the plan changes how the network is configured.
func (p Plan) NetworkChanged() bool {
	return slices.ContainsFunc(p.Files, func(c Change) bool { return !c.unchanged() && c.Path != hostnamePath && c.Path != keysPath })
}

// Force runs commands in the guest.
func (r *Running) Force(ctx context.Context, steps []Step) error {
	for _, s := range steps {
		o, err := r.agent.Run(ctx, forceLimit, s.Args[0], s.Args[1:]...)
		switch {
		case err != nil:
			return fmt.Errorf("`%s` in the guest: %w", s, err)
		case o.Code != 0 && !s.mayFail:
			return fmt.Errorf("`%s` ended with %d in the guest: %s", s, o.Code, o.Err)
		}
	}
	return nil
}
