package planner

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/internal/fixture"
)

var update = flag.Bool("update", false, "write the goldens")

// config is a node config as text.
func (s *sim) config(t *testing.T, node string) string {
	t.Helper()
	var b strings.Builder
	var keys []etcdschema.Key
	for k := range s.cache().Entries() {
		if name, _, _, ok := etcdschema.ParseDesired(k); ok && name == node {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, etcdschema.Key.Compare)
	for _, k := range keys {
		var v any
		if err := json.Unmarshal(s.cache().Entry(k).Data, &v); err != nil {
			t.Fatal(err)
		}
		b.WriteString("# " + k.String() + "\n" + pretty(t, v))
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: (-want +got)\n%s", name, diff)
	}
}

func TestNodeConfigs(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.put(fixture.Physnet1, `{"spec":{"vlanRanges":[{"minimum":100,"maximum":199}],"mtu":9000}}`)
	s.put(fixture.Blue, `{"spec":{"type":"vlan","physicalNetwork":"physnet1","mtu":8900,"segmentationID":123,
		"subnets":[{"cidr":"10.0.0.0/24","gateway":"10.0.0.254"},{"cidr":"10.0.1.0/24","dhcpServer":"10.0.1.9"},{"cidr":"fd00:1::/64","gateway":"fd00:1::1"}],
		"dhcp":{"dnsServers":["10.0.0.53","fd00:1::53"],"ntpServers":["10.0.0.123"],"domain":"alpha.example","leaseTime":"1h",
		"routes":[{"destination":"192.0.2.0/24","nextHop":"10.0.0.7"}]}}}`)
	s.put(fixture.Port("web-1"), `{"spec":{"network":"blue","host":"h1","migrateTo":"h2","mac":"fa:16:3e:00:00:01"}}`)
	s.put(fixture.Port("11111111-2222-4333-8444-555555555555"), `{"spec":{"network":"blue","host":"h1","mac":"fa:16:3e:00:00:02","hostname":"db"}}`)
	s.feature("h2", desired.Features()...)
	s.settle()
	s.check()
	golden(t, "config_h1.golden", s.config(t, "h1"))
	golden(t, "config_h2.golden", s.config(t, "h2"))
}

func (s *sim) feature(node string, f ...desired.Feature) {
	s.record(etcdschema.ActualNode(node), etcdschema.NodeReport{Features: f})
}

func TestPlacement(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	on := func(node string) string {
		if s.cache().Node(node) == nil {
			return ""
		}
		e := s.cache().Node(node).Items[desired.Key{Kind: desired.KindPort, UID: s.cache().Accepted(fixture.Port("a")).UID}]
		if e == nil {
			return ""
		}
		return string(e.Value.(*desired.Port).State)
	}
	expect := func(what, h1, h2 string, reason string) {
		t.Helper()
		s.settle()
		s.check()
		if on("h1") != h1 || on("h2") != h2 {
			t.Errorf("%s: h1 %q, h2 %q; expected %q and %q", what, on("h1"), on("h2"), h1, h2)
		}
		cond := s.condition(fixture.Port("a"))
		if reason == "" && !cond.Good() || reason != "" && (cond.Phase != etcdschema.PhasePending ||
			!strings.Contains(cond.Reasons[0].Message, reason)) {
			t.Errorf("%s: %+v, expected %q", what, cond, reason)
		}
	}
	s.put(fixture.Port("a"), `{"spec":{"network":"blue","host":"h1"}}`)
	expect("placed", "active", "", "")
	s.put(fixture.Port("a"), `{"spec":{"network":"blue","host":"h1","migrateTo":"h2"}}`)
	expect("h2 has only the baseline", "active", "", "needs feature standby")
	s.feature("h2", desired.Features()...)
	expect("h2 is upgraded", "active", "standby", "")
	before := s.transactions
	s.put(fixture.Port("a"), `{"spec":{"network":"blue","host":"h2"}}`)
	expect("cut over", "", "active", "")
	if s.transactions != before+1 {
		t.Errorf("cutting over took %d transactions, expected one", s.transactions-before)
	}
	if n := s.cache().Node("h1"); len(n.Items) != 1 {
		t.Errorf("h1 keeps %d items, expected the host alone", len(n.Items))
	}
	s.put(fixture.Port("a"), `{"spec":{"network":"blue","host":"h9"}}`)
	expect("unknown host", "", "", "host h9 does not exist")
	s.put(model.HostID("h9"), `{"spec":{}}`)
	expect("unmapped host", "", "", "host h9 has no interface on physical network physnet1")
	s.put(model.HostID("h9"), fixture.HostSpec)
	expect("mapped", "", "", "")
	s.put(fixture.Port("a"), `{"spec":{"network":"blue"}}`)
	expect("nowhere", "", "", "")
}

func TestAChangeWritesOnlyWhatItConcerns(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	for i := range 1000 {
		s.put(fixture.Port("p"+string(rune('a'+i%26))+pad(i)), fixture.PortOnH1)
	}
	s.settle()
	if s.transactions > 110 {
		t.Errorf("1,000 ports took %d transactions", s.transactions)
	}
	writes := s.writes
	s.put(fixture.Port("one-more"), fixture.PortOnH1)
	s.settle()
	if n := s.writes - writes; n != 9 { // accepted, six claims, the port, the head
		t.Errorf("one port beside 1,000 wrote %d keys, expected 9", n)
	}
	writes = s.writes
	s.put(fixture.Blue, strings.Replace(fixture.BlueSpec, `"type"`, `"dhcp":{"domain":"x.example"},"type"`, 1))
	s.settle()
	if n := s.writes - writes; n != 3 { // accepted, the network on h1, the head
		t.Errorf("a DHCP option wrote %d keys, expected 3", n)
	}
	s.check()
}

func pad(i int) string {
	return string([]byte{byte('0' + i/100%10), byte('0' + i/10%10), byte('0' + i%10)})
}

func TestNodeConfigsAreRepaired(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.put(fixture.Port("a"), fixture.PortOnH1)
	s.settle()
	want := s.config(t, "h1")
	a := s.cache().Accepted(fixture.Port("a")).UID
	key := etcdschema.DesiredKey("h1", desired.Key{Kind: desired.KindPort, UID: a})
	damage := map[string]func(){
		"port deleted":    func() { s.event(key, nil) },
		"port edited":     func() { s.event(key, []byte(`{"uid":"`+a+`","mac":"fa:16:3e:66:66:66"}`)) },
		"port is garbage": func() { s.event(key, []byte(`garbage`)) },
		"alien port":      func() { s.event(etcdschema.ParseKey("desired/h1/port/alien"), []byte(`{"uid":"alien"}`)) },
		"head deleted":    func() { s.event(etcdschema.HeadKey("h1"), nil) },
		"head is garbage": func() { s.event(etcdschema.HeadKey("h1"), []byte(`{`)) },
		"network deleted": func() {
			s.event(etcdschema.DesiredKey("h1", desired.Key{Kind: desired.KindNetwork, UID: s.cache().Accepted(fixture.Blue).UID}), nil)
		},
		"host deleted": func() {
			s.event(etcdschema.DesiredKey("h1", desired.Key{Kind: desired.KindHost, UID: s.cache().Accepted(fixture.HostH1).UID}), nil)
		},
		"claim deleted":    func() { s.event(etcdschema.MACClaim(s.cache().Accepted(fixture.Port("a")).Allocated.MAC), nil) },
		"accepted deleted": func() { s.event(etcdschema.AcceptedKey(fixture.Port("a")), nil) },
	}
	for name, do := range damage {
		do()
		s.settle()
		s.check()
		if diff := cmp.Diff(withoutGeneration(want), withoutGeneration(s.config(t, "h1"))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// withoutGeneration drops the line of the text of a node config that counts writes.
func withoutGeneration(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.Contains(l, `"generation"`) }), "\n")
}

func TestFieldsOfANewerVersionSurvive(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.put(fixture.Port("a"), fixture.PortOnH1)
	s.settle()
	key := etcdschema.DesiredKey("h1", desired.Key{Kind: desired.KindPort, UID: s.cache().Accepted(fixture.Port("a")).UID})
	data := string(s.cache().Entry(key).Data)
	s.event(key, []byte(strings.Replace(data, `{`, `{"bandwidth":7,`, 1)))
	s.put(fixture.Port("a"), `{"spec":{"network":"blue","host":"h1","hostname":"renamed"}}`)
	s.settle()
	s.check()
	if got := string(s.cache().Entry(key).Data); !strings.Contains(got, `"bandwidth":7`) || !strings.Contains(got, "renamed") {
		t.Errorf("rewritten as %s", got)
	}
	s.event(etcdschema.ParseKey("desired/h1/volume/v1"), []byte(`{"uid":"v1"}`))
	s.settle()
	s.check()
	if s.cache().Entry(etcdschema.ParseKey("desired/h1/volume/v1")) == nil {
		t.Error("an item of a kind of a newer version was removed")
	}
}

// A port without a host is accepted, and its status says what that means until it has one.
func TestStatusOfPortWithoutHost(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	for _, c := range []struct {
		spec string
		says int
	}{{`{"spec":{"network":"blue"}}`, 1}, {`{"spec":{"network":"blue","host":"h1"}}`, 0}} {
		s.putAll(map[model.ID]string{fixture.Port("bare"): c.spec})
		s.settle()
		status, ours := s.planner.StatusFor(etcdschema.StatusKey(fixture.Port("bare")))
		if !ours || status.Phase != etcdschema.PhaseAccepted || len(status.Reasons) != c.says {
			t.Errorf("%s: status %+v", c.spec, status)
		}
	}
}
