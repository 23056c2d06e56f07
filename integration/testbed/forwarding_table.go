package testbed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// ForwardingTable records at which ports of the physical network's bridge every MAC was learnt.
type ForwardingTable struct {
	done  chan struct{}
	wg    sync.WaitGroup
	links map[int]string
	mu    sync.Mutex
	at    map[string][]string // "MAC" or "MAC vlan N" → ports, one entry for each change
	err   error
}

// RecordForwarding starts to record. It includes what the bridge learnt before.
func (b *Testbed) RecordForwarding(ctx context.Context) (*ForwardingTable, error) {
	ns, err := netns.GetFromName(b.phys.Name)
	if err != nil {
		return nil, fmt.Errorf("testbed: forwarding table: %w", err)
	}
	defer ns.Close()
	h, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("testbed: forwarding table: %w", err)
	}
	defer h.Close()
	t := &ForwardingTable{done: make(chan struct{}), links: map[int]string{}, at: map[string][]string{}}
	links, err := h.LinkList()
	if err != nil {
		return nil, fmt.Errorf("testbed: forwarding table: %w", err)
	}
	for _, l := range links {
		t.links[l.Attrs().Index] = l.Attrs().Name
	}
	updates := make(chan netlink.NeighUpdate)
	err = netlink.NeighSubscribeWithOptions(updates, t.done, netlink.NeighSubscribeOptions{Namespace: &ns,
		ErrorCallback: func(err error) { t.fail(err) }})
	if err != nil {
		return nil, fmt.Errorf("testbed: forwarding table: %w", err)
	}
	t.wg.Go(func() {
		for u := range updates {
			if u.Type == unix.RTM_NEWNEIGH {
				t.learn(u.Neigh)
			}
		}
	})
	known, err := h.NeighList(0, unix.AF_BRIDGE)
	if err != nil {
		t.Stop()
		return nil, fmt.Errorf("testbed: forwarding table: %w", err)
	}
	for _, n := range known {
		t.learn(n)
	}
	return t, nil
}

func (t *ForwardingTable) learn(n netlink.Neigh) {
	if n.Family != unix.AF_BRIDGE || n.State&netlink.NUD_PERMANENT != 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	mac, port := n.HardwareAddr.String(), t.links[n.LinkIndex]
	if n.Vlan != 0 {
		mac += fmt.Sprint(" vlan ", n.Vlan)
	}
	if ports := t.at[mac]; len(ports) == 0 || ports[len(ports)-1] != port {
		t.at[mac] = append(ports, port)
	}
}

func (t *ForwardingTable) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-t.done: // the end of the subscription
	default:
		t.err = errors.Join(t.err, err)
	}
}

// Stop ends the record. It returns one line for each MAC, "fa:16:3e:aa:00:11 at h1", with the ports in the order of time.
func (t *ForwardingTable) Stop() ([]string, error) {
	t.mu.Lock()
	close(t.done)
	t.mu.Unlock()
	t.wg.Wait()
	var lines []string
	for _, mac := range sortedKeys(t.at) {
		lines = append(lines, mac+" at "+strings.Join(t.at[mac], ", then "))
	}
	slices.Sort(lines)
	return lines, t.err
}
