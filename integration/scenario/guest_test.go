//go:build integration

package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"weft/integration/testbed"
)

const guestUsage = "guest project/port on host [device=name] [mac=address] [plug=device|interface] [iface-id=id] [bridge=name] [movable=yes] [in=guest] [hostnet=project/port]"

// guest PROJECT/PORT on HOST: makes a guest as a hypervisor does. If device, MAC or interface id are not given, they come from the port
// in the host's node config. The command waits for that port. With in=GUEST it is one more NIC of that guest. With hostnet=PROJECT/PORT it is
// the NIC on the host network that the port's guest has.
func guest(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "guest")
	words, options := split(args, "device", "mac", "plug", "iface-id", "bridge", "mtu", "movable", "in", "hostnet")
	usage(ts, words, 3, 3, guestUsage)
	b := of(ts).testbed
	_, err := b.AddGuest(words[0], guestOptions(ts, words[0], words[2], options))
	ts.Check(err)
}

func guestOptions(ts *testscript.TestScript, name, host string, options map[string]string) testbed.GuestOptions {
	b := of(ts).testbed
	o := testbed.GuestOptions{Host: host, Device: options["device"], MAC: options["mac"], Plug: testbed.Plug(options["plug"]),
		Bridge: options["bridge"], InterfaceID: options["iface-id"], Movable: options["movable"] == "yes",
		In: options["in"]}
	if options["mtu"] != "" {
		o.MTU = number(ts, options["mtu"])
	}
	if o.Bridge == "" {
		o.Bridge = "br-int"
	}
	if o.Device == "" || o.MAC == "" || (o.Plug == testbed.PlugInterface && o.InterfaceID == "") {
		if options["hostnet"] != "" {
			name = options["hostnet"]
		}
		project, port, _ := strings.Cut(name, "/")
		p, err := b.AwaitDesired(b.Context(), host, project, port)
		ts.Check(err)
		if options["hostnet"] != "" {
			p.Device, p.MAC = p.HostNet.Device, p.HostNet.MAC
		}
		if o.Device == "" {
			o.Device = p.Device
		}
		if o.MAC == "" {
			o.MAC = p.MAC.String()
		}
		if o.InterfaceID == "" {
			o.InterfaceID = p.InterfaceID
		}
	}
	return o
}

// qemu PROJECT/PORT on HOST [memory=MiB] [agent=SOCKET]: boots a virtual machine on a tap of the host, with the port's MAC. Its eth0 is up and
// has only a link-local address. QEMU makes the socket, for a guest agent's virtio-serial port.
func qemu(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "qemu")
	words, options := split(args, "memory", "agent")
	usage(ts, words, 3, 3, "qemu project/port on host [memory=MiB] [agent=socket]")
	o := guestOptions(ts, words[0], words[2], options)
	if options["agent"] != "" {
		o.AgentSocket = ts.MkAbs(options["agent"])
	}
	memory := 512
	if options["memory"] != "" {
		memory = number(ts, options["memory"])
	}
	_, err := of(ts).testbed.AddMachine(words[0], o, memory)
	ts.Check(err)
}

// unplug GUEST: removes the guest's device. replug GUEST on HOST […]: the device comes back on that host.
func unplug(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "unplug")
	usage(ts, args, 1, 1, "unplug guest")
	ts.Check(guestNamed(ts, args[0]).Unplug(of(ts).testbed.Context()))
}

func replug(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "replug")
	words, options := split(args, "device", "mac", "plug", "iface-id", "bridge", "mtu", "movable", "hostnet")
	usage(ts, words, 3, 3, strings.Replace(guestUsage, "guest", "replug", 1))
	ts.Check(guestNamed(ts, words[0]).Replug(of(ts).testbed.Context(), guestOptions(ts, words[0], words[2], options)))
}

const moveUsage = "move prepare|resume|finish guest to host | move announce guest"

// move prepare GUEST to HOST: a movable guest's device appears on another host. move resume GUEST to HOST: the guest sends through that
// device. move finish GUEST to HOST: the guest sends through that device, and its old device is gone. move announce GUEST: the hypervisor
// of a virtual machine announces it, as after a migration.
func move(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "move")
	usage(ts, args, 2, 4, moveUsage)
	if args[0] == "announce" && len(args) == 2 {
		ts.Check(guestNamed(ts, args[1]).Announce(of(ts).testbed.Context()))
		return
	}
	usage(ts, args, 4, 4, moveUsage)
	g, ctx := guestNamed(ts, args[1]), of(ts).testbed.Context()
	switch args[0] {
	case "prepare":
		ts.Check(g.PrepareMove(ctx, args[3]))
	case "resume":
		ts.Check(g.ResumeMove(ctx, args[3]))
	case "finish":
		ts.Check(g.FinishMove(ctx, args[3]))
	default:
		ts.Fatalf("usage: %s", moveUsage)
	}
}

func guestNamed(ts *testscript.TestScript, name string) *testbed.Guest {
	g, err := of(ts).testbed.Guest(name)
	ts.Check(err)
	return g
}

// clients reads the names of clients. No names mean one client of each family.
func clients(words []string) []testbed.Client {
	if len(words) == 0 {
		return []testbed.Client{testbed.Udhcpc, testbed.Dhclient6}
	}
	list := make([]testbed.Client, len(words))
	for i, w := range words {
		list[i] = testbed.Client(w)
	}
	return list
}

// lease GUEST… [udhcpc|dhclient4|dhclient6…] [request=ADDRESS] [believe=FILE]: runs the clients in all guests at once until they have
// leases. If no client is named, it runs one of each family. What the clients received is on stdout. believe is the lease file with which
// dhclient starts.
func lease(ts *testscript.TestScript, neg bool, args []string) {
	words, options := split(args, "request", "believe")
	n := slices.IndexFunc(words, func(w string) bool { return !strings.Contains(w, "/") })
	if n < 0 {
		n = len(words)
	}
	usage(ts, words[:n], 1, -1, "lease guest… [client…] [request=address] [believe=file]")
	outs, errs := make([]string, n), make([]error, n)
	var wg sync.WaitGroup
	for i, name := range words[:n] {
		g, list := guestNamed(ts, name), clients(words[n:])
		for _, c := range list {
			if f := options["believe"]; f != "" {
				ts.Check(os.WriteFile(g.LeaseFile(c), []byte(ts.ReadFile(f)), 0o644))
			}
		}
		wg.Go(func() { outs[i], errs[i] = leaseAll(of(ts).testbed.Context(), g, list, options["request"]) })
	}
	wg.Wait()
	outcome(ts, neg, strings.Join(outs, ""), errors.Join(errs...))
}

// leaseAll runs one client after the other in a guest.
func leaseAll(ctx context.Context, g *testbed.Guest, clients []testbed.Client, request string) (string, error) {
	var out strings.Builder
	for _, c := range clients {
		e, err := g.Lease(ctx, c, request)
		if err != nil {
			return out.String(), fmt.Errorf("lease: %w", err)
		}
		out.WriteString(e.String())
	}
	return out.String(), nil
}

// renew GUEST [client…]: the running clients renew.
func renew(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 1, 4, "renew guest [client…]")
	b, g := of(ts).testbed, guestNamed(ts, args[0])
	var out strings.Builder
	for _, c := range clients(args[1:]) {
		e, err := g.Renew(b.Context(), c)
		if err != nil {
			outcome(ts, neg, out.String(), fmt.Errorf("renew: %w", err))
			return
		}
		out.WriteString(e.String())
	}
	outcome(ts, neg, out.String(), nil)
}

// release GUEST [client…]: the running clients give their leases back and end.
func release(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "release")
	usage(ts, args, 1, 4, "release guest [client…]")
	for _, c := range clients(args[1:]) {
		ts.Check(guestNamed(ts, args[0]).Release(of(ts).testbed.Context(), c))
	}
}
