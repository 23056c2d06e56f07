//go:build integration

package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"weft/model"
)

type command = func(ts *testscript.TestScript, neg bool, args []string)

// commands are the commands of scenarios, besides testscript's own. integration/README.md explains them.
func commands() map[string]command {
	all := map[string]command{
		"hosts":       hosts,
		"physical":    physical,
		"controllers": controllers,
		"apply":       apply,
		"weft":        weft,
		"etcdctl":     etcdctl,
		"guest":       guest,
		"qemu":        qemu,
		"unplug":      unplug,
		"replug":      replug,
		"move":        move,
		"lease":       lease,
		"renew":       renew,
		"release":     release,
		"ping":        ping,
		"tcp":         tcp,
		"stream":      stream,
		"serve":       serve,
		"connect":     connect,
		"keepalived":  keepalived,
		"agent":       agent,
		"forwarding":  forwarding,
		"iperf":       iperf,
		"throughput":  throughput,
		"capture":     capture,
		"send":        send,
		"in":          in,
		"process":     process,
		"snapshot":    snapshot,
		"restore":     restore,
		"damage":      damage,
		"await":       await,
		"debug":       debug,
		"log":         logOf,
		"repeat":      repeat,
		"remember":    remember,
		"weftd":       weftd,
		"annotate":    annotate,
		"as":          as,
		"secure":      secure,
		"etcd":        members,
		"allocate":    allocate,
		"unique":      unique,
		"unpacked":    unpacked,
		"denied":      denied,
		"dump":        dump,
	}
	for name, run := range all {
		all[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			ts.Stdout() // so that earlier output is not taken for this command's
			run(ts, neg, args)
		}
	}
	return all
}

func of(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// usage fails unless the number of arguments is between least and most. A negative most means no limit.
func usage(ts *testscript.TestScript, args []string, least, most int, text string) {
	if len(args) < least || (most >= 0 && len(args) > most) {
		ts.Fatalf("usage: %s", text)
	}
}

// positive fails when the command was given with "!".
func positive(ts *testscript.TestScript, neg bool, name string) {
	if neg {
		ts.Fatalf("! %s means nothing", name)
	}
}

// outcome checks the error of a command, which must fail if neg is set, and keeps its output.
func outcome(ts *testscript.TestScript, neg bool, out string, err error) {
	fmt.Fprint(ts.Stdout(), out)
	if err != nil {
		fmt.Fprintln(ts.Stderr(), err)
	}
	switch {
	case neg && err == nil:
		ts.Fatalf("it succeeded")
	case !neg && err != nil:
		ts.Fatalf("%v", err)
	}
}

// split separates words from key=value options. Only the given keys are options; any other "a=b" is a word.
func split(args []string, keys ...string) (words []string, options map[string]string) {
	options = map[string]string{}
	for _, a := range args {
		k, v, ok := strings.Cut(a, "=")
		if ok && slices.Contains(keys, k) {
			options[k] = v
			continue
		}
		words = append(words, a)
	}
	return words, options
}

// object reads "alpha/web-1" (a port), "network/alpha/blue" or "host/h1".
func object(ts *testscript.TestScript, s string) model.ID {
	parts := strings.Split(s, "/")
	switch kind, ok := model.AllKinds().Parse(parts[0]); {
	case len(parts) == 3 && ok && !kind.ClusterScoped():
		return model.ID{Project: parts[1], Kind: kind, Name: parts[2]}
	case len(parts) == 2 && ok && kind.ClusterScoped():
		return model.ID{Project: model.ClusterProject, Kind: kind, Name: parts[1]}
	case len(parts) == 2:
		return model.ID{Project: parts[0], Kind: model.KindPort, Name: parts[1]}
	}
	ts.Fatalf("%q is no object: want project/port, network/project/name or host/name", s)
	return model.ID{}
}

func number(ts *testscript.TestScript, s string) int {
	n, err := strconv.Atoi(s)
	ts.Check(err)
	return n
}
