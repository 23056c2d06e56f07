package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// The flows of a NORMAL bridge that tracks connections as Weft does, and lets everything pass.
const (
	trackingFlows = `table=0,priority=10,ip,actions=ct(zone=9,table=1)
table=0,priority=10,ipv6,actions=ct(zone=9,table=1)
table=0,priority=0,actions=NORMAL
table=1,priority=10,ct_state=+trk+new,ip,actions=ct(commit,zone=9),NORMAL
table=1,priority=10,ct_state=+trk+new,ipv6,actions=ct(commit,zone=9),NORMAL
table=1,priority=0,actions=NORMAL
`
	normalFlows = "table=0,priority=0,actions=NORMAL\n"
)

// filteredTraffic measures TCP and ping between two guests whose ports have ten rules, in turn with two guests of a NORMAL bridge that tracks
// connections, and of the same bridge without.
func (b *bench) filteredTraffic(ctx context.Context, n int) error {
	c := b.cloud
	if err := c.filteredGuests(ctx); err != nil {
		return err
	}
	kinds := []struct{ from, to, flows string }{{"ten-a", "ten-b", ""}, {"plain-1", "plain-2", trackingFlows}, {"plain-1", "plain-2", normalFlows}}
	rates, pings := make([][]float64, len(kinds)), make([]series, len(kinds))
	for range trafficRuns {
		for i, k := range kinds {
			if k.flows != "" {
				if _, err := c.floor.ofctl(ctx, plainBridge, k.flows, "replace-flows", "-"); err != nil {
					return err
				}
			}
			rate, err := c.iperfOn(ctx, k.from, k.to, filteredIperfPort)
			if err != nil {
				return err
			}
			took, err := c.pings(ctx, k.from, k.to)
			if err != nil {
				return err
			}
			rates[i], pings[i] = append(rates[i], rate), append(pings[i], took)
		}
	}
	weft, tracked, plain := middle(rates[0]), middle(rates[1]), middle(rates[2])
	b.table.add(row{what: "(n) TCP between ports with ten rules", ports: n, value: fmt.Sprintf("%.2f Gbit/s", weft/1e9),
		versus: fmt.Sprintf("NORMAL with conntrack %.2f Gbit/s: %.2f×; without %.2f Gbit/s: %.2f×", tracked/1e9, weft/tracked, plain/1e9, weft/plain)})
	b.table.add(row{what: "(n) ping between ports with ten rules", ports: n, p50: pings[0].p50(), p99: pings[0].p99(),
		versus: fmt.Sprintf("NORMAL with conntrack %s: %.2f×; without %s: %.2f×", ms(pings[1].p50()), ratio(pings[0].p50(), pings[1].p50()),
			ms(pings[2].p50()), ratio(pings[0].p50(), pings[2].p50()))})
	return nil
}

// filteredIperfPort is the last port that the ten rules allow.
const filteredIperfPort = 89

// filteredGuests makes two guests whose ports have the group of ten rules and one that lets ICMP pass, and the plain ones.
func (c *cloud) filteredGuests(ctx context.Context) error {
	for i, name := range []string{"ten-a", "ten-b"} {
		device := fmt.Sprintf("tenguest%d", i)
		if err := c.guest(ctx, device, filtered(name, device, tenRules, pingGroup)); err != nil {
			return err
		}
		if _, _, err := c.journal.awaitProgrammed(ctx, hostMain, project, name, 0); err != nil {
			return err
		}
	}
	return c.plainGuests(ctx)
}

var averageTime = regexp.MustCompile(`= [0-9.]+/([0-9.]+)/`)

// pings is the average round trip of echo requests over a path that has been used.
func (c *cloud) pings(ctx context.Context, a, z string) (time.Duration, error) {
	from, _, address, err := c.pair(a, z)
	if err != nil {
		return 0, err
	}
	out, err := from.Run(ctx, "ping", "-n", "-q", "-c", "50", "-i", "0.01", "-W", "5", address)
	if err != nil {
		return 0, err
	}
	m := averageTime.FindStringSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("ping from %s: no average in:\n%s", a, out)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	return time.Duration(v * float64(time.Millisecond)), err
}
