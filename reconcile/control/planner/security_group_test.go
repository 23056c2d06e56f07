package planner

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
)

func group(name string) model.ID { return model.SecurityGroupID("alpha", name) }

// groupsOn tells what a node knows of security groups: the groups of its ports by name, its groups with the number of their rules, and the
// members that it sees of a group on a network.
func (s *sim) groupsOn(node string) string {
	s.t.Helper()
	s.settle()
	s.check()
	name := func(uid string) string {
		id, _ := s.cache().ID(uid)
		return id.Name
	}
	var out []string
	n := s.cache().Node(node)
	if n == nil {
		return ""
	}
	for _, e := range n.Items {
		switch item := e.Value.(type) {
		case *desired.Port:
			var groups []string
			for _, g := range item.SecurityGroups {
				groups = append(groups, name(g))
			}
			slices.Sort(groups)
			out = append(out, fmt.Sprintf("port %s: %s", item.Name, strings.Join(groups, "+")))
		case *desired.SecurityGroup:
			out = append(out, fmt.Sprintf("group %s: %d", item.Name, len(item.Rules)))
		case *desired.GroupMembers:
			var addresses []string
			for _, a := range item.Addresses {
				addresses = append(addresses, a.String())
			}
			out = append(out, fmt.Sprintf("members of %s on %s: %s", name(item.Group), name(item.Scope()), strings.Join(addresses, " ")))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// expectGroups compares groupsOn with lines.
func (s *sim) expectGroups(what, node string, lines ...string) {
	s.t.Helper()
	if got, want := s.groupsOn(node), strings.Join(lines, "\n"); got != want {
		s.t.Fatalf("%s: %s has\n%s\nexpected\n%s", what, node, got, want)
	}
}

const (
	insideOnly = `{"spec":{"rules":[{"direction":"egress"},{"direction":"ingress","family":"IPv4","remoteGroup":"inside"}]}}`
	openToWeb  = `{"spec":{"rules":[{"direction":"ingress","protocol":"tcp","port":5432,"family":"IPv4","remoteGroup":"web"}]}}`
)

// TestGroupsReachTheNodesThatNeedThem: a group is on the nodes with ports that it filters, and members on those where a rule names their group.
func TestGroupsReachTheNodesThatNeedThem(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.routing()
	s.put(group("web"), `{"spec":{"rules":[{"direction":"egress"}]}}`)
	s.put(group("db"), openToWeb)
	port := func(host, last, groups string) string {
		return `{"spec":{"network":"blue","host":"` + host + `","addresses":["10.0.0.` + last + `","fd00:1::` + last + `"],"securityGroups":[` + groups + `]}}`
	}
	s.put(fixture.Port("w1"), port("h1", "51", `"web"`))
	s.put(fixture.Port("d2"), port("h2", "52", `"db"`))
	s.expectGroups("two groups", "h1", "group web: 2", "port w1: web")
	s.expectGroups("two groups", "h2", "group db: 1", "members of web on blue: 10.0.0.51 fd00:1::51", "port d2: db")

	s.put(fixture.Port("w2"), port("h1", "53", `"web"`))
	s.expectGroups("another member", "h2", "group db: 1", "members of web on blue: 10.0.0.51 10.0.0.53 fd00:1::51 fd00:1::53", "port d2: db")
	s.remove(fixture.Port("w1"))
	s.expectGroups("a member has gone", "h2", "group db: 1", "members of web on blue: 10.0.0.53 fd00:1::53", "port d2: db")

	s.put(group("db"), `{"spec":{"rules":[{"direction":"ingress"}]}}`)
	s.expectGroups("the rule names no group", "h2", "group db: 2", "port d2: db")
	s.put(group("db"), openToWeb)
	s.put(fixture.Port("d2"), port("h1", "52", `"db"`))
	s.expectGroups("the port has moved", "h2")
	s.expectGroups("the port has moved", "h1", "group db: 1", "group web: 2", "members of web on blue: 10.0.0.53 fd00:1::53", "port d2: db", "port w2: web")

	s.remove(group("web")) // a port has it, so that it stays
	if s.groupsOn("h1"); s.cache().Accepted(group("web")) == nil {
		t.Error("a group that filters a port is gone")
	}
}

// TestDefaultSecurityGroup: ports that name no group have the project's default, also after it has changed. A default that does not exist
// is not in force, and a group that is the default stays.
func TestDefaultSecurityGroup(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.routing()
	s.put(fixture.Port("named"), `{"spec":{"network":"blue","host":"h1","addresses":["10.0.0.61"],"securityGroups":["web"]}}`)
	s.put(group("web"), `{"spec":{}}`)
	s.put(fixture.Port("plain"), `{"spec":{"network":"blue","host":"h1","addresses":["10.0.0.60"]}}`)
	has := func(what, port, want string) {
		t.Helper()
		for line := range strings.Lines(s.groupsOn("h1") + "\n") {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "port "+port+":"); ok {
				if got := strings.TrimSpace(rest); got != want {
					t.Errorf("%s: %s has %q, expected %q", what, port, got, want)
				}
				return
			}
		}
		if want != "nothing" {
			t.Errorf("%s: %s is not there", what, port)
		}
	}
	has("no default", "plain", "")
	s.put(fixture.ProjectA, `{"spec":{"defaultSecurityGroup":"inside"}}`)
	s.put(fixture.Port("later"), `{"spec":{"network":"blue","host":"h1","addresses":["10.0.0.62"]}}`)
	has("a default that is missing", "plain", "")
	has("a default that is missing", "later", "")
	if c := s.condition(fixture.ProjectA); len(c.Reasons) != 1 || !strings.Contains(c.Reasons[0].Message, "SecurityGroup alpha/inside does not exist") {
		t.Errorf("the project says %v", c.Reasons)
	}
	s.put(group("inside"), insideOnly)
	has("the default is there", "plain", "inside")
	has("the default is there", "later", "inside")
	has("the default is there", "named", "web")
	if got := s.groupsOn("h1"); !strings.Contains(got, "members of inside on blue: ") || !strings.Contains(got, "10.0.0.60 10.0.0.62") {
		t.Errorf("the default's own members are missing:\n%s", got)
	}
	s.remove(group("inside"))
	has("the default is deleted, and stays", "plain", "inside")
	s.put(fixture.ProjectA, `{"spec":{}}`)
	has("no default again", "plain", "")
	has("no default again", "named", "web")
	if got := s.groupsOn("h1"); strings.Contains(got, "inside") || s.cache().Accepted(group("inside")) != nil {
		t.Errorf("the former default is left:\n%s", got)
	}
}

// TestProjectBegunWithADefault: a project that is declared with its default, before the group, has filtered ports only.
func TestProjectBegunWithADefault(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	region := fixture.RegionIntent()
	region[fixture.ProjectA] = `{"spec":{"defaultSecurityGroup":"inside"}}`
	s.putAll(region)
	s.routing()
	s.put(fixture.Port("p"), `{"spec":{"network":"blue","host":"h1","addresses":["10.0.0.60"]}}`)
	s.expectGroups("without the group", "h1")
	if c := s.condition(fixture.Port("p")); len(c.Reasons) != 1 || !strings.Contains(c.Reasons[0].Message, "SecurityGroup alpha/inside does not exist") {
		t.Errorf("the port says %v", c.Reasons)
	}
	s.put(group("inside"), insideOnly)
	s.expectGroups("with the group", "h1", "group inside: 3", "members of inside on blue: 10.0.0.60 fd00:1::2", "port p: inside")
}

// TestFilteredPortNeedsTheFeature: a node that cannot filter does not get a filtered port, and loses one that must be filtered now.
func TestFilteredPortNeedsTheFeature(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.feature("h1", desired.Baseline()...)
	s.put(group("web"), `{"spec":{}}`)
	s.put(fixture.Port("p"), `{"spec":{"network":"blue","host":"h1","addresses":["10.0.0.60"]}}`)
	if got := s.groupsOn("h1"); !strings.Contains(got, "port p:") {
		t.Fatalf("the port is not there:\n%s", got)
	}
	s.put(fixture.Port("p"), `{"spec":{"network":"blue","host":"h1","addresses":["10.0.0.60"],"securityGroups":["web"]}}`)
	if got := s.groupsOn("h1"); strings.Contains(got, "port p:") {
		t.Errorf("a port that must be filtered is wired without a filter:\n%s", got)
	}
	if c := s.condition(fixture.Port("p")); len(c.Reasons) != 1 || !strings.Contains(c.Reasons[0].Message, "needs feature security-groups") {
		t.Errorf("the port says %v", c.Reasons)
	}
	s.feature("h1", append(desired.Baseline(), desired.FeatureSecurityGroups)...)
	if got := s.groupsOn("h1"); !strings.Contains(got, "port p: web") {
		t.Errorf("the node has been upgraded and has no port:\n%s", got)
	}
	s.feature("h1", desired.Baseline()...)
	s.put(fixture.Port("p"), `{"spec":{"network":"blue","host":"h1","addresses":["10.0.0.60"],"hostname":"x","securityGroups":["web"]}}`)
	if got := s.groupsOn("h1"); strings.Contains(got, "port p:") {
		t.Errorf("the node has been downgraded and lets everything pass:\n%s", got)
	}
}

// TestMembersBehindARouter: a rule's remote group has the ports on the networks that the router joins, and those of other projects' ports
// nowhere.
func TestMembersBehindARouter(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.routing()
	s.put(model.ID{Project: "alpha", Kind: model.KindNetwork, Name: "green"}, `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.9.0.0/24"}]}}`)
	s.put(group("web"), `{"spec":{}}`)
	s.put(group("db"), openToWeb)
	s.put(fixture.Port("w"), `{"spec":{"network":"green","host":"h2","addresses":["10.9.0.9"],"securityGroups":["web"],"allowedAddressPairs":[{"address":"10.9.0.64/28"}]}}`)
	s.put(fixture.Port("d"), `{"spec":{"network":"blue","host":"h1","addresses":["10.0.0.61"],"securityGroups":["db"]}}`)
	if got := s.groupsOn("h1"); strings.Contains(got, "10.9.0.9") {
		t.Errorf("without a router the member is seen:\n%s", got)
	}
	s.put(fixture.Router("r"), `{"spec":{"networks":["blue","green"]}}`)
	if got := s.groupsOn("h1"); !strings.Contains(got, "members of web on r: 10.9.0.9 10.9.0.64/28") {
		t.Errorf("the member behind the router is not seen:\n%s", got)
	}
	if n, ok := fixture.ItemOn[*desired.Network](s.cache(), "h1", fixture.Blue); !ok || n.Router != s.cache().Accepted(fixture.Router("r")).UID {
		t.Errorf("the network does not say whose members count: %+v", n)
	}
	s.put(fixture.Network("red"), `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.10.0.0/24"}]}}`)
	s.put(fixture.Router("r"), `{"spec":{"networks":["blue","green","red"]}}`)
	s.put(fixture.Port("e"), `{"spec":{"network":"red","host":"h1","addresses":["10.10.0.61"],"securityGroups":["db"]}}`)
	if got := s.groupsOn("h1"); strings.Count(got, "10.9.0.9") != 1 {
		t.Errorf("a member is there for each network:\n%s", got)
	}
	s.remove(fixture.Router("r"))
	if got := s.groupsOn("h1"); strings.Contains(got, "10.9.0.9") {
		t.Errorf("the router is gone and the member is still seen:\n%s", got)
	}
}

// TestManyMembersAreDivided: a member that comes is one shard, whatever the number of the others.
func TestManyMembersAreDivided(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.routing()
	s.put(model.ID{Project: "alpha", Kind: model.KindNetwork, Name: "wide"}, `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.32.0.0/16"}]}}`)
	s.put(group("web"), `{"spec":{}}`)
	s.put(group("db"), openToWeb)
	s.put(fixture.Port("d"), `{"spec":{"network":"wide","host":"h1","addresses":["10.32.200.1"],"securityGroups":["db"]}}`)
	for i := range 900 {
		s.put(fixture.Port(fmt.Sprintf("w%d", i)), fmt.Sprintf(`{"spec":{"network":"wide","addresses":["10.32.%d.%d"],"securityGroups":["web"]}}`, 1+i/200, 1+i%200))
	}
	s.groupsOn("h1")
	members := func() (shards, all int) {
		for _, e := range s.cache().Node("h1").Items {
			if m, ok := e.Value.(*desired.GroupMembers); ok {
				shards, all = shards+1, all+len(m.Addresses)
			}
		}
		return shards, all
	}
	if shards, all := members(); shards != 16 || all != 900 {
		t.Fatalf("%d members in %d shards", all, shards)
	}
	before := s.writes
	s.put(fixture.Port("late"), `{"spec":{"network":"wide","addresses":["10.32.9.9"],"securityGroups":["web"]}}`)
	s.groupsOn("h1")
	if shards, all := members(); shards != 16 || all != 901 {
		t.Errorf("%d members in %d shards after one more", all, shards)
	}
	if n := s.writes - before; n > 8 {
		t.Errorf("one more member wrote %d keys", n)
	}
}

// TestPreviewOfADefault: the ports that a new default would filter are told before it is there, also when the group comes with it.
func TestPreviewOfADefault(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.routing()
	s.put(fixture.Port("plain"), `{"spec":{"network":"blue","host":"h1","addresses":["10.0.0.60"]}}`)
	s.put(fixture.Port("named"), `{"spec":{"network":"blue","host":"h1","addresses":["10.0.0.61"],"securityGroups":["web"]}}`)
	s.put(group("web"), `{"spec":{}}`)
	s.settle()
	pv, err := PreviewOf(t.Context(), s.reader(), kind.AllKinds(), [3]byte{}, []model.Object{
		mustDecode(t, fixture.ProjectA, `{"spec":{"defaultSecurityGroup":"inside"}}`), mustDecode(t, group("inside"), insideOnly),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var ports []string
	for _, i := range pv.Items {
		if i.Key.Kind == desired.KindPort {
			ports = append(ports, string(i.New))
		}
	}
	if len(ports) != 1 || !strings.Contains(ports[0], `"name":"plain"`) || !strings.Contains(ports[0], "securityGroups") {
		t.Errorf("the preview changes the ports %v", ports)
	}
}

// TestMembersDoNotDependOnWhoCameFirst: a port whose own groups name nobody comes to another network, after a group that names one.
func TestMembersDoNotDependOnWhoCameFirst(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.routing()
	s.put(model.ID{Project: "alpha", Kind: model.KindNetwork, Name: "green"}, `{"spec":{"type":"vlan","physicalNetwork":"physnet1","subnets":[{"cidr":"10.9.0.0/24"}]}}`)
	s.put(group("web"), `{"spec":{}}`)
	s.put(group("db"), openToWeb)
	s.put(fixture.Port("w"), `{"spec":{"network":"green","host":"h2","addresses":["10.9.0.9"],"securityGroups":["web"]}}`)
	s.put(fixture.Port("d"), `{"spec":{"network":"blue","host":"h1","addresses":["10.0.0.61"],"securityGroups":["db"]}}`)
	s.groupsOn("h1")
	s.put(fixture.Port("later"), `{"spec":{"network":"green","host":"h1","addresses":["10.9.0.10"],"securityGroups":["web"]}}`)
	got := s.groupsOn("h1")
	writes := s.writes
	s.planner.EnqueueAll()
	if again := s.groupsOn("h1"); again != got || s.writes != writes {
		t.Errorf("a second look wrote %d keys:\n%s\nbefore\n%s", s.writes-writes, again, got)
	}
}
