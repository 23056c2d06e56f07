//go:build integration

package scenario

import (
	"fmt"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"weft/integration/testbed"
)

// hosts NAME… [--flag…]: starts hosts, each with an Open vSwitch and a weftd. The flags are weftd's.
func hosts(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "hosts")
	var names, flags []string
	for _, a := range args {
		if a[0] == '-' || len(flags) > 0 {
			flags = append(flags, a)
		} else {
			names = append(names, a)
		}
	}
	usage(ts, names, 1, -1, "hosts name… [--weftd-flag…]")
	for _, name := range names {
		_, err := of(ts).testbed.AddHost(name, testbed.HostOptions{Flags: flags})
		ts.Check(err)
	}
}

// physical BRIDGE NIC HOST…: another physical network, to which each host has an uplink of that name.
func physical(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "physical")
	usage(ts, args, 3, -1, "physical bridge nic host…")
	ts.Check(of(ts).testbed.AddPhysicalNetwork(args[0], args[1], args[2:]...))
}

// controllers N [--flag…]: starts replicas c1…cN, and returns when one leads.
func controllers(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "controllers")
	usage(ts, args, 1, -1, "controllers count [--flag…]")
	b := of(ts).testbed
	for i := range number(ts, args[0]) {
		_, err := b.AddController(fmt.Sprintf("c%d", i+1), args[1:]...)
		ts.Check(err)
	}
	_, err := b.AwaitLeader(b.Context(), "")
	ts.Check(err)
}

// apply FILE…: weft apply -f.
func apply(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 1, -1, "apply file…")
	cli := []string{"apply"}
	for _, f := range args {
		cli = append(cli, "-f", ts.MkAbs(f))
	}
	weft(ts, neg, cli)
}

// weft ARGS…: runs the CLI in etcd's namespace.
func weft(ts *testscript.TestScript, neg bool, args []string) {
	b := of(ts).testbed
	out, err := b.Weft(b.Context(), args...)
	outcome(ts, neg, out, err)
}

// etcdctl ARGS…: runs etcdctl in etcd's namespace. "@file" as last argument is replaced by the file's content.
func etcdctl(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 1, -1, "etcdctl argument…")
	b := of(ts).testbed
	out, err := b.Etcdctl(b.Context(), fileArgument(ts, args)...)
	outcome(ts, neg, out, err)
}

// process kill|stop|start|restart|pause|resume NAME…: acts on one of the testbed's programs: "weftd h1", "vswitchd h1", "ovsdb h1",
// "controller c1", "leader" (the controller that leads), "last" (the one ended last), "etcd", "etcd e1". stop is SIGTERM. restart is kill
// and start. pause is SIGSTOP.
func process(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "process")
	usage(ts, args, 2, 3, "process kill|stop|start|restart|pause|resume name [host]")
	b := of(ts).testbed
	name := args[1]
	if name == "last" {
		name = of(ts).ended.name
	}
	if name == "leader" {
		leader, err := b.AwaitLeader(b.Context(), "")
		ts.Check(err)
		name = "controller " + leader
	}
	if len(args) == 3 {
		name += " " + args[2]
	}
	p, err := b.Process(name)
	ts.Check(err)
	if args[0] != "start" && args[0] != "pause" && args[0] != "resume" {
		ending(ts, name)
	}
	switch args[0] {
	case "kill":
		p.Kill()
	case "stop":
		ts.Check(p.Stop())
	case "start":
		ts.Check(start(b, p))
	case "restart":
		p.Kill()
		ts.Check(start(b, p))
	case "pause":
		ts.Check(p.Signal(syscall.SIGSTOP))
	case "resume":
		ts.Check(p.Signal(syscall.SIGCONT))
	default:
		ts.Fatalf("process: %q is none of kill, stop, start, restart, pause, resume", args[0])
	}
}

// start starts a program. If other programs depend on it, start waits until it serves.
func start(b *testbed.Testbed, p *testbed.Process) error {
	if p == b.Etcd().Process {
		return b.Etcd().Start(b.Context())
	}
	for _, h := range b.Hosts() {
		if h.OVS == nil {
			continue
		}
		switch p {
		case h.OVS.Server:
			return h.OVS.StartServer(b.Context())
		case h.OVS.Vswitchd:
			return h.OVS.StartVswitchd(b.Context())
		}
	}
	return p.Start()
}

// logOf NAME: what a program has written since its last start, on stdout.
func logOf(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "log")
	usage(ts, args, 1, 2, "log name [host|guest]")
	p, err := of(ts).testbed.Process(strings.Join(args, " "))
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), p.Output())
}

// snapshot NAME keeps a copy of etcd's data. restore NAME puts it back.
func snapshot(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "snapshot")
	usage(ts, args, 1, 1, "snapshot name")
	b := of(ts).testbed
	ts.Check(b.Etcd().Snapshot(b.Context(), args[0]))
}

func restore(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "restore")
	usage(ts, args, 1, 1, "restore name")
	b := of(ts).testbed
	ts.Check(b.Etcd().Restore(b.Context(), args[0]))
}

// in NAME CMD ARGS…: runs a command in the namespace of a guest, a host, a member of etcd, "ctl" or "phys".
func in(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 2, -1, "in guest|host|ctl|phys command argument…")
	b := of(ts).testbed
	if g, err := b.Guest(args[0]); err == nil {
		out, err := g.Run(b.Context(), args[1], args[2:]...)
		outcome(ts, neg, out, err)
		return
	}
	ns, err := b.Namespace(args[0])
	ts.Check(err)
	out, err := ns.Run(b.Context(), args[1], args[2:]...)
	outcome(ts, neg, out, err)
}
