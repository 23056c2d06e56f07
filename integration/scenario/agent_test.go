//go:build integration

package scenario

import (
	"github.com/rogpeppe/go-internal/testscript"
)

const agentUsage = "agent start guest folder packages [block=command,…] | agent kill guest"

// agent start GUEST FOLDER PACKAGES: the QEMU guest agent runs in the guest, whose files are in the folder, and listens on its socket
// run/agent.sock. PACKAGES is where qemu-guest-agent and ifupdown are unpacked. agent kill GUEST: it is killed.
func agent(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "agent")
	words, options := split(args, "block")
	usage(ts, words, 2, 4, agentUsage)
	w, g := of(ts), guestNamed(ts, words[1])
	switch p := w.agents[words[1]]; {
	case words[0] == "start" && len(words) == 4:
		if p != nil && p.Running() {
			ts.Fatalf("the agent of %s runs already", words[1])
		}
		root := ts.MkAbs(words[2])
		p = g.Agent(root, words[3], options["block"])
		w.agents[words[1]] = p
		ts.Defer(p.Kill)
		ts.Check(g.StartAgent(w.testbed.Context(), p, root))
	case words[0] == "kill" && len(words) == 2 && p != nil:
		p.Kill()
	default:
		ts.Fatalf("usage: %s", agentUsage)
	}
}
