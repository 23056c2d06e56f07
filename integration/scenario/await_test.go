//go:build integration

package scenario

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"weft/etcdschema"
	"weft/integration/testbed"
	"weft/integration/timescale"
	"weft/model"
)

const awaitUsage = `await programmed object…
	| await absent object…
	| await phase object Accepted|Invalid|Pending [reason-regexp]
	| await repaired host driver… [within=duration]
	| await reachable guest guest|address [within=duration]
	| await waiting object host [reason-regexp]
	| await warning object host reason [message-regexp]
	| await no-warning object host
	| await rejected port host reason frames
	| await at port host
	| await captured name regexp
	| await gateway router host active|standby
	| await ready host
	| await nothing-to-do host
	| await settled host
	| await reported host
	| await leader [other-than]
	| await takeover [within=duration]`

// await CONDITION: follows etcd until it holds, for at most a minute.
func await(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "await")
	usage(ts, args, 1, -1, awaitUsage)
	w := of(ts)
	ctx, rest := w.testbed.Context(), args[1:]
	switch {
	case args[0] == "programmed" && len(rest) > 0:
		ts.Check(w.testbed.AwaitProgrammed(ctx, objects(ts, rest)...))
	case args[0] == "absent" && len(rest) > 0:
		ts.Check(awaitAbsent(ctx, w, objects(ts, rest)))
	case args[0] == "phase" && len(rest) >= 2:
		ts.Check(awaitPhase(ctx, w, object(ts, rest[0]), rest[1], strings.Join(rest[2:], " ")))
	case args[0] == "repaired" && len(rest) >= 2:
		awaitRepaired(ts, rest)
	case args[0] == "reachable" && len(rest) >= 2:
		awaitReachable(ts, rest)
	case args[0] == "ready" && len(rest) == 1:
		h, err := w.testbed.Host(rest[0])
		ts.Check(err)
		ts.Check(h.AwaitReady(ctx))
	case args[0] == "waiting" && len(rest) >= 2:
		ts.Check(awaitWaiting(ctx, w, object(ts, rest[0]), rest[1], strings.Join(rest[2:], " ")))
	case args[0] == "warning" && len(rest) >= 3:
		ts.Check(awaitWarning(ctx, w, object(ts, rest[0]), rest[1], rest[2], strings.Join(rest[3:], " ")))
	case args[0] == "no-warning" && len(rest) == 2:
		ts.Check(awaitWarning(ctx, w, object(ts, rest[0]), rest[1], "", ""))
	case args[0] == "rejected" && len(rest) == 4:
		ts.Check(awaitRejected(ctx, w, rest[0], rest[1], rest[2], uint64(number(ts, strings.TrimSuffix(rest[3], "+"))), strings.HasSuffix(rest[3], "+")))
	case args[0] == "limited" && len(rest) == 3:
		ts.Check(awaitLimited(ctx, w, object(ts, rest[0]), rest[1], rest[2]))
	case args[0] == "at" && len(rest) == 2:
		ts.Check(awaitAt(ctx, w, object(ts, rest[0]), rest[1]))
	case args[0] == "captured" && len(rest) == 2 && w.captures[rest[0]] != nil:
		pattern, err := regexp.Compile(rest[1])
		ts.Check(err)
		ts.Check(w.captures[rest[0]].Await(ctx, pattern))
	case args[0] == "gateway" && len(rest) == 3:
		ts.Check(awaitGateway(ctx, w, object(ts, rest[0]), rest[1], etcdschema.GatewayState(rest[2])))
	case args[0] == "nothing-to-do" && len(rest) == 1:
		ts.Check(poll(ctx, func() (bool, string) { return idle(w, rest[0]) }))
	case args[0] == "settled" && len(rest) == 1:
		h, err := w.testbed.Host(rest[0])
		ts.Check(err)
		ts.Check(poll(ctx, func() (bool, string) { return settled(ctx, h) }))
	case args[0] == "reported" && len(rest) == 1:
		ts.Check(awaitReport(ctx, w, rest[0], "has reported nothing", func(etcdschema.NodeReport) bool { return true }))
	case args[0] == "takeover":
		awaitTakeover(ts, rest)
	case args[0] == "leader":
		leader, err := w.testbed.AwaitLeader(ctx, strings.Join(rest, ""))
		ts.Check(err)
		fmt.Fprintln(ts.Stdout(), leader)
	default:
		if !awaitHold(ts, args[0], rest) {
			ts.Fatalf("usage: %s\n\t| %s", awaitUsage, holdUsage)
		}
	}
}

// settled says that duplicate address detection (RFC 4862 section 5.4) is over for all addresses of the host.
func settled(ctx context.Context, h *testbed.Host) (bool, string) {
	out, err := h.Run(ctx, "ip", "-6", "-o", "addr", "show", "tentative")
	if err != nil {
		return false, err.Error()
	}
	return len(out) == 0, "tentative: " + string(out)
}

func objects(ts *testscript.TestScript, words []string) []model.ID {
	ids := make([]model.ID, len(words))
	for i, s := range words {
		ids[i] = object(ts, s)
	}
	return ids
}

// awaitAbsent waits until no node has the ports any more: neither desired nor reported.
func awaitAbsent(ctx context.Context, w *world, ids []model.ID) error {
	prefixes := []etcdschema.Prefix{etcdschema.IntentPrefix(), etcdschema.AcceptedPrefix(), etcdschema.DesiredPrefix(),
		etcdschema.ActualPrefix()}
	return w.testbed.Await(ctx, prefixes, func(v *testbed.View) (bool, string) {
		for _, id := range ids {
			if _, ok := v.Items[etcdschema.AcceptedKey(id).String()]; ok {
				return false, id.String() + " is still accepted"
			}
			if ports := v.Ports(id.Project, id.Name); id.Kind == model.KindPort && len(ports) > 0 {
				return false, id.String() + " is still desired on " + ports[0].Node
			}
			for key, item := range v.Items {
				if !strings.Contains(key, "/bucket/") {
					continue
				}
				b, err := etcdschema.Decode[etcdschema.BucketReport](item.Value)
				if err != nil {
					return false, key + ": " + err.Error()
				}
				for _, p := range b.Ports {
					if id.Kind == model.KindPort && p.ID == id.Project+"/"+id.Name {
						return false, fmt.Sprintf("%s is still reported in %s", id, key)
					}
				}
			}
		}
		return true, ""
	})
}

func awaitPhase(ctx context.Context, w *world, id model.ID, phase, reason string) error {
	re, err := regexp.Compile(reason)
	if err != nil {
		return err
	}
	prefixes := []etcdschema.Prefix{etcdschema.IntentPrefix(), etcdschema.StatusPrefix()}
	return w.testbed.Await(ctx, prefixes, func(v *testbed.View) (bool, string) {
		s, _, ok := testbed.Lookup[etcdschema.Status](v, etcdschema.StatusKey(id))
		intent := v.Items[etcdschema.Intent(id).String()]
		switch {
		case !ok:
			return false, id.String() + " has no status"
		case s.IntentRevision < intent.ModRevision:
			return false, id.String() + ": its status is of an older intent"
		case !slices.Contains(strings.Split(phase, "|"), string(s.Phase)) || !re.MatchString(fmt.Sprint(s.Reasons)):
			return false, fmt.Sprintf("%s is %s: %v", id, s.Phase, s.Reasons)
		}
		return true, ""
	})
}

// awaitWaiting waits until the object's status says that the node has not programmed it, for a reason that matches.
func awaitWaiting(ctx context.Context, w *world, id model.ID, node, reason string) error {
	re, err := regexp.Compile(reason)
	if err != nil {
		return err
	}
	return w.testbed.Await(ctx, []etcdschema.Prefix{etcdschema.StatusPrefix()}, func(v *testbed.View) (bool, string) {
		s, _, ok := testbed.Lookup[etcdschema.Status](v, etcdschema.StatusKey(id))
		n, there := s.Nodes[node]
		return ok && there && !n.Programmed && re.MatchString(n.Reason), fmt.Sprintf("%s on %s: %+v", id, node, n)
	})
}

// awaitWarning waits until the object's status has the warning from the node. With an empty reason it waits until there is none.
func awaitWarning(ctx context.Context, w *world, id model.ID, node, reason, message string) error {
	re, err := regexp.Compile(message)
	if err != nil {
		return err
	}
	return w.testbed.Await(ctx, []etcdschema.Prefix{etcdschema.StatusPrefix()}, func(v *testbed.View) (bool, string) {
		s, _, _ := testbed.Lookup[etcdschema.Status](v, etcdschema.StatusKey(id))
		n, there := s.Nodes[node]
		found := slices.ContainsFunc(n.Warnings, func(w etcdschema.Warning) bool { return w.Reason == reason && re.MatchString(w.Message) })
		return there && (found || reason == "" && len(n.Warnings) == 0), fmt.Sprintf("%s on %s: warnings %+v", id, node, n.Warnings)
	})
}

// awaitRejected waits until the host has reported that exactly so many frames of the port were rejected for the reason, or at least so many.
func awaitRejected(ctx context.Context, w *world, port, host, reason string, frames uint64, least bool) error {
	return w.testbed.Await(ctx, []etcdschema.Prefix{etcdschema.NodeActual(host)}, func(v *testbed.View) (bool, string) {
		var found []etcdschema.RejectedFrames
		for n := range etcdschema.Buckets {
			b, _, _ := testbed.Lookup[etcdschema.BucketReport](v, etcdschema.ActualBucket(host, n))
			for _, p := range b.Ports {
				if p.ID == port {
					found = p.Rejected
				}
			}
		}
		is := slices.ContainsFunc(found, func(r etcdschema.RejectedFrames) bool {
			return r.Reason == reason && (r.Frames == frames || least && r.Frames > frames)
		})
		return is, fmt.Sprintf("%s on %s: rejected %+v", port, host, found)
	})
}

// awaitLimited waits until the host has reported that the limits of the router or floating address dropped something for the reason.
func awaitLimited(ctx context.Context, w *world, id model.ID, host, reason string) error {
	return w.testbed.Await(ctx, []etcdschema.Prefix{etcdschema.NodeActual(host), etcdschema.StatusPrefix()}, func(v *testbed.View) (bool, string) {
		s, _, _ := testbed.Lookup[etcdschema.Status](v, etcdschema.StatusKey(id))
		b, _, _ := testbed.Lookup[etcdschema.BucketReport](v, etcdschema.ActualBucket(host, etcdschema.Bucket(s.UID)))
		found := b.Limited[s.UID]
		is := slices.ContainsFunc(found, func(r etcdschema.RejectedFrames) bool { return r.Reason == reason && r.Frames > 0 })
		return is, fmt.Sprintf("%s on %s: dropped %+v", id, host, found)
	})
}

// awaitAt waits until the port's status says that its guest is on the host.
func awaitAt(ctx context.Context, w *world, id model.ID, host string) error {
	return w.testbed.Await(ctx, []etcdschema.Prefix{etcdschema.StatusPrefix()}, func(v *testbed.View) (bool, string) {
		s, _, ok := testbed.Lookup[etcdschema.Status](v, etcdschema.StatusKey(id))
		return ok && s.Host == host, fmt.Sprintf("%s is on host %q, not %q", id, s.Host, host)
	})
}

// awaitGateway follows the router's status until the host has the wanted state.
func awaitGateway(ctx context.Context, w *world, id model.ID, node string, state etcdschema.GatewayState) error {
	return w.testbed.Await(ctx, []etcdschema.Prefix{etcdschema.StatusPrefix()}, func(v *testbed.View) (bool, string) {
		s, _, _ := testbed.Lookup[etcdschema.Status](v, etcdschema.StatusKey(id))
		have := s.Nodes[node].Gateway
		return have == state, fmt.Sprintf("%s is %q on %s, not %s", id, have, node, state)
	})
}

func awaitReport(ctx context.Context, w *world, node, why string, cond func(etcdschema.NodeReport) bool) error {
	_, err := w.testbed.AwaitReport(ctx, node, why, cond)
	return err
}

// debug HOST PATH: reads a path ("/plan") from weftd's debug socket. The answer is on stdout.
func debug(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, args, 2, 2, "debug host path")
	b := of(ts).testbed
	h, err := b.Host(args[0])
	ts.Check(err)
	body, err := ask(b.Context(), h, args[1])
	outcome(ts, neg, body, err)
}

// ask sends one request to weftd's debug socket.
func ask(ctx context.Context, h *testbed.Host, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(10*time.Second))
	defer cancel()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", h.Debug)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://weftd"+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, resp.Status)
	}
	return string(body), err
}
