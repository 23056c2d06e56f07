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
	"weft/reconcile/plan"
)

// TestHostPlan prints, over a unix socket, exactly what the plan itself prints.
func TestHostPlan(t *testing.T) {
	t.Parallel()
	bridge := &object.Bridge{Name: "br-int"}
	p := plan.Plan{Steps: []plan.Step{
		{Stage: 1, Change: object.Change{Op: object.Create, Desired: bridge}},
		{Stage: 2, Change: object.Change{Op: object.Update, Desired: bridge, Observed: bridge},
			Differences: []object.Difference{{Field: "failMode", Observed: "", Desired: "secure"}}},
	}}
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
		_ = json.NewEncoder(w).Encode(p)
	}))
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)

	var out, errOut bytes.Buffer
	code := execute(t.Context(), streams{strings.NewReader(""), &out, &errOut}, []string{"weft", "host", "plan", "--debug", "unix:" + socket})
	if diff := cmp.Diff(p.String(), out.String()); diff != "" || code != 0 {
		t.Errorf("exit %d, %s (-want +got):\n%s", code, errOut.String(), diff)
	}
	code = execute(t.Context(), streams{strings.NewReader(""), &out, &errOut}, []string{"weft", "host", "plan", "--debug", "unix:" + socket + ".not"})
	if code != 1 || !strings.Contains(errOut.String(), "is it running here, and are you root?") {
		t.Errorf("exit %d: %s", code, errOut.String())
	}
}
