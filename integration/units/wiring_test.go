//go:build integration

package units

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// wiring is everything that a host forwards with.
type wiring struct {
	namespaces string   // with their inodes, by name
	rules      string   // the router's rules, without learnt elements of sets
	flows      []string // without counters
	youngest   float64  // age of a flow, in seconds
}

func (w wiring) String() string { return w.namespaces + w.rules + strings.Join(w.flows, "") }

var counting = regexp.MustCompile(`(duration|n_packets|n_bytes|idle_age|hard_age)=[^, ]+,? ?`)

// wiring reads it with the host's usual tools.
func (h *host) wiring() wiring {
	h.Helper()
	router := regexp.MustCompile(`(?m)^weft-router-\S+`).FindString(h.must("ip", "netns", "list"))
	if router == "" {
		h.Fatal("`ip netns` shows no router")
	}
	w := wiring{namespaces: h.must("sh", "-c", `stat -L -c "%n %i" /run/netns/*`), rules: h.must("ip", "netns", "exec", router, "nft", "--stateless", "--terse", "list", "ruleset")}
	if !strings.Contains(w.rules, "table inet weft") {
		h.Errorf("the router has no rules:\n%s", w.rules)
	}
	for line := range strings.Lines(h.must("ovs-ofctl", "-OOpenFlow14", "dump-flows", "br-int")) {
		_, duration, found := strings.Cut(line, "duration=")
		if !found {
			continue
		}
		age, err := strconv.ParseFloat(duration[:strings.Index(duration, "s")], 64)
		if err != nil {
			h.Fatal(err)
		}
		if len(w.flows) == 0 || age < w.youngest {
			w.youngest = age
		}
		w.flows = append(w.flows, counting.ReplaceAllString(line, ""))
	}
	slices.Sort(w.flows)
	if len(w.flows) == 0 {
		h.Fatal("there are no flows")
	}
	return w
}

// undisturbed checks that everything is as before, and that nothing was made again.
func (h *host) undisturbed(what string, before wiring) {
	h.Helper()
	now := h.wiring()
	if now.namespaces != before.namespaces || now.rules != before.rules || !slices.Equal(now.flows, before.flows) {
		h.Errorf("%s changed\n%s\nto\n%s", what, before, now)
	}
	if now.youngest <= before.youngest {
		h.Errorf("%s wrote flows anew: the youngest was %v s old before and is %v s now", what, before.youngest, now.youngest)
	}
}
