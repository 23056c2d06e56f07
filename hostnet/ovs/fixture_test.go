package ovs

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"weft/hostnet/object"
)

const (
	hostUID  = "0b8e6f0a-5b0f-4c57-9d9e-0e8f2c5a1d01"
	guestUID = "7d0c2f3e-1a2b-4c3d-8e4f-5a6b7c8d9e0f"
)

// deadline bounds every wait of a test.
const deadline = 10 * time.Second

func create(o object.Object) object.Change { return object.Change{Op: object.Create, Desired: o} }

func ourBridge() *object.Bridge {
	return &object.Bridge{OwnerUID: hostUID, Name: "br-int", DatapathType: "netdev", FailMode: "secure",
		Protocols: object.BridgeProtocols(), Fragments: object.FragmentsNXMatch,
		Settings: []object.Setting{{Key: "mac-table-size", Value: "16"}, {Key: "mcast-snooping-disable-flood-unregistered", Value: "true"}}}
}

func guest(device string) *object.OVSPort {
	return &object.OVSPort{OwnerUID: guestUID, Bridge: "br-int", Device: device, Tag: object.DeadVLAN,
		InterfaceID: guestUID, MAC: "fa:16:3e:00:00:01"}
}

func flowSet(n uint64, flows ...object.Flow) *object.FlowSet {
	return &object.FlowSet{OwnerUID: guestUID, Bridge: "br-int", Feature: "port", Cookie: object.CookieOwner | n, Flows: flows}
}

// someFlows are n flows of one port.
func someFlows(port uint32, n int) []object.Flow {
	flows := make([]object.Flow, n)
	for i := range flows {
		flows[i] = object.Flow{Table: 10, Priority: uint16(100 + i), Match: object.Match{InPort: port, EthType: etherIPv6},
			Actions: []object.Action{object.Goto{Table: 20}}}
	}
	return flows
}

func flowSetKey(bridge string, cookie uint64) object.Key {
	return object.Key{Kind: object.KindFlowSet, Name: object.FlowSetName(bridge, cookie)}
}

func same(t testing.TB, desired, observed object.Object) {
	t.Helper()
	if observed == nil {
		t.Fatalf("%s is not there", desired.Key())
	}
	if d := desired.Diff(observed); len(d) > 0 {
		t.Fatalf("%s: %v", desired.Key(), d)
	}
}

func errorText(err error) string { return fmt.Sprint(err) }

// eventLog holds the events of a driver.
type eventLog struct {
	t testing.TB

	mu     sync.Mutex
	events []object.Event
	came   chan struct{}
}

func newEventLog(t testing.TB) *eventLog { return &eventLog{t: t, came: make(chan struct{})} }

// follow starts Watch. It ends with the test.
func (l *eventLog) follow(d *Driver) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Watch(ctx, l.note) }()
	l.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			l.t.Errorf("watch: %v", err)
		}
	})
}

func (l *eventLog) note(e object.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
	close(l.came)
	l.came = make(chan struct{})
}

// await waits for an event that wants accepts. It starts at the given position.
func (l *eventLog) await(from int, what string, wants func(object.Event) bool) {
	l.t.Helper()
	timeout := time.After(deadline)
	for {
		l.mu.Lock()
		came, events := l.came, l.events[from:]
		l.mu.Unlock()
		if slices.ContainsFunc(events, wants) {
			return
		}
		select {
		case <-came:
		case <-timeout:
			l.t.Fatalf("no event %s in %v", what, events)
		}
	}
}

func (l *eventLog) seen() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.events)
}

func about(k object.Key) func(object.Event) bool {
	return func(e object.Event) bool { return slices.Contains(e.Keys, k) }
}

func resync(e object.Event) bool { return e.Resync }

func prefixOf(text string) netip.Prefix { return netip.MustParsePrefix(text) }
