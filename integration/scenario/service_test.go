//go:build integration

package scenario

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"weft/integration/testbed"
	"weft/integration/timescale"
	"weft/model"
)

// serve GUEST tcp|udp PORT|FIRST-LAST: the guest answers on these ports, on all its addresses, until the scenario ends. serve HOST tcp
// ADDRESS:PORT and serve HOST unix PATH: the host answers there.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "serve")
	usage(ts, args, 3, 3, "serve guest tcp|udp port|first-last | serve host tcp|unix address")
	w := of(ts)
	if h, err := w.testbed.Host(args[0]); err == nil {
		s, err := h.ServeAt(args[1], args[2])
		ts.Check(err)
		ts.Defer(s.Close)
		return
	}
	var ports model.PortRange
	ts.Check(ports.UnmarshalText([]byte(args[2])))
	s, err := guestNamed(ts, args[0]).Serve(w.testbed.Context(), args[1], int(ports.First), int(ports.Last))
	ts.Check(err)
	ts.Defer(s.Close)
}

// connectTimeout is how long an answer may take. silentTimeout is how long no answer must come with !. It is several times what an answer
// takes that comes: kernels exchange a connection's first packets without any program.
const (
	connectTimeout = 5 * time.Second
	silentTimeout  = time.Second
)

const connectUsage = "connect [start name] guest tcp|udp address port [from=port] | connect again name"

// connect GUEST tcp|udp ADDRESS PORT [from=PORT]: a service answers there. On stdout: who answered, and from which address it saw the
// guest. connect start NAME …: the connection stays. connect again NAME: it still works, or with ! it does not.
func connect(ts *testscript.TestScript, neg bool, args []string) {
	w := of(ts)
	args, options := split(args, "from")
	from := 0
	if options["from"] != "" {
		from = number(ts, options["from"])
	}
	wait := timescale.Bound(connectTimeout)
	if neg {
		wait = timescale.Within(silentTimeout)
	}
	ctx, cancel := context.WithTimeout(w.testbed.Context(), wait)
	defer cancel()
	var c *testbed.Connection
	var err error
	switch {
	case len(args) == 2 && args[0] == "again" && w.connections[args[1]] != nil:
		c = w.connections[args[1]]
		err = c.Again(ctx, rand.Text())
	case len(args) == 6 && args[0] == "start":
		positive(ts, neg, "connect start")
		c, err = dial(ctx, ts, args[2:], from)
		ts.Check(err)
		ts.Defer(c.Close)
		w.connections[args[1]] = c
	case len(args) == 4:
		if c, err = dial(ctx, ts, args, from); err == nil {
			defer c.Close()
			if args[1] == "tcp" {
				err = c.Again(ctx, strings.Repeat(rand.Text(), 1000))
			}
		}
	default:
		ts.Fatalf("usage: %s", connectUsage)
	}
	greeting := ""
	if err == nil {
		greeting = c.Greeting
	}
	outcome(ts, neg, greeting, err)
}

func dial(ctx context.Context, ts *testscript.TestScript, args []string, from int) (*testbed.Connection, error) {
	return guestNamed(ts, args[0]).Connect(ctx, args[1], joinPort(args[2], args[3]), from)
}

func joinPort(address, port string) string {
	if strings.Contains(address, ":") {
		address = "[" + address + "]"
	}
	return address + ":" + port
}

// forwarding start NAME: records where the physical network's bridge learns MACs. forwarding stop NAME: no MAC was learnt at two ports,
// or with ! one was. The table is on stdout.
func forwarding(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 2, 2, "forwarding start|stop name")
	w := of(ts)
	switch t := w.tables[args[1]]; {
	case args[0] == "start" && t == nil:
		t, err := w.testbed.RecordForwarding(w.testbed.Context())
		ts.Check(err)
		w.tables[args[1]] = t
	case args[0] == "stop" && t != nil:
		delete(w.tables, args[1])
		lines, err := t.Stop()
		ts.Check(err)
		table := strings.Join(lines, "\n") + "\n"
		if strings.Contains(table, ", then ") {
			err = fmt.Errorf("a MAC moved:\n%s", table)
		}
		outcome(ts, neg, table, err)
	default:
		ts.Fatalf("forwarding: %v is neither start nor stop of one that was started", args)
	}
}
