package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"weft/integration/testbed"
	"weft/model"
)

const (
	trafficRuns    = 3
	trafficSeconds = "3"
	firstRuns      = 10
	iperfPort      = 5201 // where iperf3's server listens
	plainBridge    = "br-plain"
	plainDevice    = "plain" // begins the names of its devices
)

// plainAddress holds the guests' addresses on the plain bridge, which has no uplink.
var plainAddress = map[string]string{"plain-1": "10.250.0.1", "plain-2": "10.250.0.2"}

// guests makes two guests on Weft's ports of the main host and two on a NORMAL bridge beside it, once. Both bridges are in one switch
// process, whose loop polls every port of the host.
func (c *cloud) guests(ctx context.Context) error {
	if _, err := c.testbed.Guest("weft-1"); err == nil {
		return nil
	}
	for i, name := range []string{"weft-1", "weft-2"} {
		device := fmt.Sprintf("guest%d", i)
		if err := c.guest(ctx, device, port(name, measured, hostMain, device)); err != nil {
			return err
		}
	}
	if err := c.journal.await(ctx, "the guests to be programmed", func() bool {
		r := c.journal.report[hostMain]
		return r.Ports >= c.filled+2 && r.Exceptions == 0
	}); err != nil {
		return err
	}
	return c.plainGuests(ctx)
}

// guest declares a port of the main host, and makes its guest.
func (c *cloud) guest(ctx context.Context, device string, port model.Object) error {
	if _, err := c.put(ctx, port); err != nil {
		return err
	}
	p, err := c.testbed.AwaitDesired(ctx, hostMain, project, port.Metadata.Name)
	if err != nil {
		return err
	}
	g, err := c.testbed.AddGuest(port.Metadata.Name, testbed.GuestOptions{Host: hostMain, Device: device, MAC: p.MAC.String()})
	if err != nil {
		return err
	}
	for _, a := range p.Addresses {
		if a.Is4() {
			if err := g.IP(ctx, "addr", "add", a.String()+"/16", "dev", "eth0"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *cloud) plainGuests(ctx context.Context) error {
	if err := c.floor.vsctl(ctx, "add-br", plainBridge, "--", "set", "bridge", plainBridge, "datapath_type=netdev"); err != nil {
		return err
	}
	for i, name := range []string{"plain-1", "plain-2"} {
		g, err := c.testbed.AddGuest(name, testbed.GuestOptions{Host: hostMain, Device: fmt.Sprintf("%s%d", plainDevice, i),
			MAC: fmt.Sprintf("02:00:00:00:00:%02x", i+1), Plug: testbed.PlugInterface, Bridge: plainBridge, InterfaceID: name})
		if err != nil {
			return err
		}
		if err := g.IP(ctx, "addr", "add", plainAddress[name]+"/16", "dev", "eth0"); err != nil {
			return err
		}
	}
	return nil
}

// pair finds two guests and the IPv4 address of the second.
func (c *cloud) pair(a, z string) (from, to *testbed.Guest, address string, err error) {
	if from, err = c.testbed.Guest(a); err != nil {
		return nil, nil, "", err
	}
	if to, err = c.testbed.Guest(z); err != nil {
		return nil, nil, "", err
	}
	if address = plainAddress[z]; address != "" {
		return from, to, address, nil
	}
	p, _ := c.journal.port(hostMain, project, z)
	if p == nil {
		return nil, nil, "", fmt.Errorf("port %s is not on %s", z, hostMain)
	}
	for _, addr := range p.Addresses {
		if addr.Is4() {
			return from, to, addr.String(), nil
		}
	}
	return nil, nil, "", fmt.Errorf("port %s has no IPv4 address", z)
}

// throughput measures (g): TCP between two guests of the main host, and the time of a first packet. In turn with it, it measures the same
// between two guests of a bridge that does only NORMAL.
func (b *bench) throughput(ctx context.Context, n int) error {
	c := b.cloud
	if err := c.guests(ctx); err != nil {
		return err
	}
	var weft, plain []float64
	for range trafficRuns {
		w, err := c.iperf(ctx, "weft-1", "weft-2")
		if err != nil {
			return err
		}
		p, err := c.iperf(ctx, "plain-1", "plain-2")
		if err != nil {
			return err
		}
		weft, plain = append(weft, w), append(plain, p)
	}
	w, p := middle(weft), middle(plain)
	b.table.add(row{what: "(g) TCP between two guests", ports: n, value: fmt.Sprintf("%.2f Gbit/s", w/1e9), goal: "≥ 0.95",
		versus: fmt.Sprintf("NORMAL bridge %.2f Gbit/s: %.2f×", p/1e9, w/p)})
	return b.firstPacket(ctx, n)
}

func (b *bench) firstPacket(ctx context.Context, n int) error {
	c := b.cloud
	var weft, plain series
	for range firstRuns {
		w, err := c.first(ctx, "weft-1", "weft-2", c.host.OVS.Dir)
		if err != nil {
			return err
		}
		p, err := c.first(ctx, "plain-1", "plain-2", c.host.OVS.Dir)
		if err != nil {
			return err
		}
		weft, plain = append(weft, w), append(plain, p)
	}
	b.table.add(row{what: "(g) first packet there and back", ports: n, p50: weft.p50(), p99: weft.p99(),
		versus: fmt.Sprintf("NORMAL bridge %s / %s: %.2f×", ms(plain.p50()), ms(plain.p99()), ratio(weft.p50(), plain.p50()))})
	return nil
}

func middle(v []float64) float64 {
	s := make(series, len(v))
	for i, f := range v {
		s[i] = time.Duration(f)
	}
	return float64(s.p50())
}

// iperf is the received bit rate of one TCP stream.
func (c *cloud) iperf(ctx context.Context, a, z string) (float64, error) {
	return c.iperfOn(ctx, a, z, iperfPort)
}

// iperfOn is iperf on a TCP port.
func (c *cloud) iperfOn(ctx context.Context, a, z string, port int) (float64, error) {
	_, _, address, err := c.pair(a, z)
	if err != nil {
		return 0, err
	}
	return c.iperfTo(ctx, a, z, address, port)
}

// iperfTo is iperfOn to an address of the second guest.
func (c *cloud) iperfTo(ctx context.Context, a, z, address string, port int) (float64, error) {
	from, err := c.testbed.Guest(a)
	if err != nil {
		return 0, err
	}
	to, err := c.testbed.Guest(z)
	if err != nil {
		return 0, err
	}
	served := make(chan error, 1)
	sctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	go func() {
		_, err := to.Run(sctx, "iperf3", "-s", "-1", "-B", address, "-p", strconv.Itoa(port))
		served <- err
	}()
	if err := to.Listening(ctx, port); err != nil {
		return 0, err
	}
	out, err := from.Run(sctx, "iperf3", "-c", address, "-p", strconv.Itoa(port), "-t", trafficSeconds, "-J")
	if err != nil {
		return 0, err
	}
	if err := <-served; err != nil {
		return 0, err
	}
	var result struct {
		End struct {
			Received struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		return 0, fmt.Errorf("iperf3: %w", err)
	}
	return result.End.Received.BitsPerSecond, nil
}

var pingTime = regexp.MustCompile(`time=([0-9.]+) ms`)

// first is the round trip of an echo request for which nothing is prepared: no neighbour entry, no datapath flow.
func (c *cloud) first(ctx context.Context, a, z, rundir string) (time.Duration, error) {
	from, to, address, err := c.pair(a, z)
	if err != nil {
		return 0, err
	}
	for _, g := range []*testbed.Guest{from, to} {
		if err := g.IP(ctx, "neigh", "flush", "all"); err != nil {
			return 0, err
		}
	}
	if err := purge(ctx, rundir); err != nil {
		return 0, err
	}
	out, err := from.Run(ctx, "ping", "-n", "-c", "1", "-W", "5", address)
	if err != nil {
		return 0, err
	}
	m := pingTime.FindStringSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("ping from %s: no time in:\n%s", a, out)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	return time.Duration(v * float64(time.Millisecond)), err
}
