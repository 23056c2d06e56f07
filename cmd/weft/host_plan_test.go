package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/hostnet/object"
	"weft/reconcile/engine"
	"weft/reconcile/plan"
)

// TestHostPlan prints weftd's plan, read over a unix socket, with what keeps the plan from being complete.
func TestHostPlan(t *testing.T) {
	t.Parallel()
	bridge := &object.Bridge{Name: "br-int"}
	p := plan.Plan{Steps: []plan.Step{
		{Stage: 1, Change: object.Change{Op: object.Create, Desired: bridge}},
		{Stage: 2, Change: object.Change{Op: object.Update, Desired: bridge, Observed: bridge},
			Differences: []object.Difference{{Field: "failMode", Observed: "", Desired: "secure"}}},
	}}
	proposal := engine.Proposal{Revision: 7, Held: "etcd went back\x1b[2J", Waits: "the flow monitor is not in place", Plan: p}
	socket := filepath.Join(t.TempDir(), "weftd.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/plan" {
			http.NotFound(w, r)
			return
		}
		if r.Header.Get("Accept") == "application/json" {
			_ = json.NewEncoder(w).Encode(proposal)
			return
		}
		_ = proposal.WriteText(w)
	}))
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)

	var out, errOut bytes.Buffer
	code := execute(t.Context(), streams{strings.NewReader(""), &out, &errOut}, []string{"weft", "host", "plan", "--debug", "unix:" + socket})
	want := "HELD: etcd went back?[2J\nnot complete: the flow monitor is not in place\n" + p.String()
	if diff := cmp.Diff(want, out.String()); diff != "" || code != 0 {
		t.Errorf("exit %d, %s (-want +got):\n%s", code, errOut.String(), diff)
	}
	out.Reset()
	code = execute(t.Context(), streams{strings.NewReader(""), &out, &errOut}, []string{"weft", "host", "plan", "-o", "json", "--debug", "unix:" + socket})
	if code != 0 || !strings.Contains(out.String(), `"waits":"the flow monitor`) || !strings.Contains(out.String(), `"op":"update"`) {
		t.Errorf("exit %d, %s", code, out.String())
	}
	code = execute(t.Context(), streams{strings.NewReader(""), &out, &errOut}, []string{"weft", "host", "plan", "--debug", "unix:" + socket + ".not"})
	if code != 1 || !strings.Contains(errOut.String(), "is it running here, and are you root?") {
		t.Errorf("exit %d: %s", code, errOut.String())
	}
}
