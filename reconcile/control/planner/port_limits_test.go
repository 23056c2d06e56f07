package planner

import (
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/model/desired"
	"weft/reconcile/control/internal/fixture"
)

// limitsOn are the limits in a port's item on a node. there is false when the node has no such item.
func (s *sim) limitsOn(node, port string) (l desired.PortLimits, there bool) {
	s.t.Helper()
	s.settle()
	s.check()
	n, a := s.cache().Node(node), s.cache().Accepted(fixture.Port(port))
	if n == nil || a == nil {
		return l, false
	}
	e := n.Items[desired.Key{Kind: desired.KindPort, UID: a.UID}]
	if e == nil {
		return l, false
	}
	return e.Value.(*desired.Port).Limits, true
}

func (s *sim) withLimits() {
	s.putAll(fixture.RegionIntent())
	s.feature("h1", append(desired.Baseline(), desired.FeatureLimits, desired.FeatureBroadcastLimit)...)
	s.feature("h2", desired.Baseline()...)
}

const mbit = 1000 // kilobits

// blueWith is the network's spec with one more field.
func blueWith(field string) string {
	return strings.TrimSuffix(fixture.BlueSpec, "}}") + "," + field + "}}"
}

// TestPortLimitsOfEachLevel: the item has the limits that count. A change of a default reaches the ports that it is for, and writes
// nothing for others.
func TestPortLimitsOfEachLevel(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.withLimits()
	s.put(fixture.Port("own"), `{"spec":{"network":"blue","host":"h1","limits":{"egress":{"rateKbps":5000,"burstKbit":2000},"ingress":{"unlimited":true},
		"broadcast":{"packetRate":30}}}}`)
	s.put(fixture.Port("default"), `{"spec":{"network":"blue","host":"h1"}}`)
	own := desired.PortLimits{Egress: desired.RateLimit{RateKbps: 5 * mbit, BurstKbit: 2 * mbit}, Broadcast: desired.BroadcastLimit{PacketRate: 30}}
	expect := func(what string, want desired.PortLimits, written int) {
		t.Helper()
		before := s.writes
		if got, there := s.limitsOn("h1", "default"); !there || got != want {
			t.Errorf("%s: %+v, %v; expected %+v", what, got, there, want)
		}
		if got, _ := s.limitsOn("h1", "own"); got != own {
			t.Errorf("%s: a port with limits of its own has %+v", what, got)
		}
		if n := s.writes - before; written > 0 && n != written {
			t.Errorf("%s: %d keys were written, expected %d", what, n, written)
		}
	}
	expect("no defaults", desired.PortLimits{}, 0)

	s.put(fixture.ProjectA, `{"spec":{"portLimits":{"egress":{"rateKbps":9000},"ingress":{"packetRate":700}}}}`)
	project := desired.PortLimits{Egress: desired.RateLimit{RateKbps: 9 * mbit}, Ingress: desired.RateLimit{PacketRate: 700}}
	expect("the project's", project, 3) // the accepted project, the port's item, the head of the node config

	s.put(fixture.Blue, blueWith(`"portLimits":{"egress":{"rateKbps":8000}}`))
	network := project
	network.Egress.RateKbps = 8 * mbit
	expect("the network's", network, 0)
	s.put(fixture.Blue, blueWith(`"portLimits":{"egress":{"unlimited":true}}`))
	network.Egress.RateKbps = 0
	expect("the network lifts the project's", network, 3)
	s.put(fixture.Blue, fixture.BlueSpec)
	expect("the project's again", project, 3)
	s.put(fixture.ProjectA, `{"spec":{}}`)
	expect("none again", desired.PortLimits{}, 3)
	s.put(fixture.ProjectA, `{"spec":{"portLimits":{"broadcast":{"packetRate":70,"burstPackets":90}}}}`)
	expect("of what is sent to many", desired.PortLimits{Broadcast: desired.BroadcastLimit{PacketRate: 70, BurstPackets: 90}}, 0)
	s.put(fixture.Blue, blueWith(`"portLimits":{"broadcast":{"unlimited":true}}`))
	expect("the network lifts it", desired.PortLimits{Broadcast: desired.BroadcastLimit{Unlimited: true}}, 0)
}

// TestHostWithoutLimits: a host whose weftd cannot limit gets no port that has limits. A port that is there already stays as it is, and
// its status says that the limits do not hold.
func TestHostWithoutLimits(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.withLimits()
	expect := func(what, port string, there bool, limits desired.PortLimits, reason string) {
		t.Helper()
		got, on := s.limitsOn("h2", port)
		cond := s.condition(fixture.Port(port))
		if on != there || got != limits {
			t.Errorf("%s: %v, %+v; expected %v, %+v", what, on, got, there, limits)
		}
		if reason == "" && !cond.Good() || reason != "" && (cond.Phase != etcdschema.PhasePending || cond.Reasons[0].Message != reason) {
			t.Errorf("%s: %+v, expected %q", what, cond, reason)
		}
	}
	const lacks = "needs feature limits, which host h2 does not have: upgrade weftd there"
	limits := desired.PortLimits{Ingress: desired.RateLimit{RateKbps: 1 * mbit}}
	const spec = `{"spec":{"network":"blue","host":"h2","limits":{"ingress":{"rateKbps":1000}}}}`
	s.put(fixture.Port("new"), spec)
	expect("a new port", "new", false, desired.PortLimits{}, lacks)
	s.put(fixture.Port("old"), `{"spec":{"network":"blue","host":"h2"}}`)
	expect("without limits", "old", true, desired.PortLimits{}, "")
	s.put(fixture.Port("old"), spec)
	expect("with new limits", "old", true, desired.PortLimits{}, lacks)
	s.feature("h2", append(desired.Baseline(), desired.FeatureLimits)...)
	expect("the host is upgraded", "old", true, limits, "")
	expect("the host is upgraded", "new", true, limits, "")
	s.put(fixture.Port("old"), `{"spec":{"network":"blue","host":"h2","limits":{"ingress":{"rateKbps":1}}}}`)
	if got, _ := s.limitsOn("h2", "old"); got != limits {
		t.Errorf("limits that are out of range changed the item to %+v", got)
	}
}

// TestHostWithoutBroadcastLimit: a host whose weftd cannot limit what is sent to many gets a port with the other limits. It gets none that says
// something about it, not even that it is unlimited.
func TestHostWithoutBroadcastLimit(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.withLimits()
	s.feature("h2", append(desired.Baseline(), desired.FeatureLimits)...)
	const lacks = "needs feature broadcast-limit, which host h2 does not have: upgrade weftd there"
	for port, c := range map[string]struct {
		limits string
		there  bool
	}{
		"both":      {`"egress":{"packetRate":50}`, true},
		"rate":      {`"broadcast":{"packetRate":50}`, false},
		"unlimited": {`"broadcast":{"unlimited":true}`, false},
	} {
		s.put(fixture.Port(port), `{"spec":{"network":"blue","host":"h2","limits":{`+c.limits+`}}}`)
		_, there := s.limitsOn("h2", port)
		cond := s.condition(fixture.Port(port))
		if there != c.there || there != cond.Good() || !there && cond.Reasons[0].Message != lacks {
			t.Errorf("%s: on the host %v, %+v", port, there, cond)
		}
	}
}
