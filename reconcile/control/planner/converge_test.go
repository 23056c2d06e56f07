package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
)

// declaration is one write of intent.
type declaration struct {
	id   model.ID
	spec string
}

// drawRegion draws a region in which explicit values may collide and references may dangle.
func drawRegion(t *rapid.T) map[model.ID]string {
	intent := fixture.RegionIntent()
	for i := range rapid.IntRange(1, 4).Draw(t, "networks") {
		vlan := rapid.SampledFrom([]string{"", `"segmentationID":150,`, `"segmentationID":151,`}).Draw(t, "vlan")
		subnets := rapid.SampledFrom([]string{
			`{"cidr":"10.0.0.0/24"}`, `{"cidr":"10.0.0.0/24"},{"cidr":"fd00:9::/64"}`, `{"cidr":"10.0.0.0/28"},{"cidr":"10.0.1.0/28"}`,
		}).Draw(t, "subnets")
		id := model.ID{Project: "alpha", Kind: model.KindNetwork, Name: fmt.Sprintf("n%d", i)}
		intent[id] = `{"spec":{"type":"vlan",` + vlan + `"physicalNetwork":"physnet1","subnets":[` + subnets + `]}}`
	}
	for i := range rapid.IntRange(1, 12).Draw(t, "ports") {
		network := fmt.Sprintf("n%d", rapid.IntRange(0, 4).Draw(t, "network"))
		host := rapid.SampledFrom([]string{"", `,"host":"h1"`, `,"host":"h2"`, `,"host":"h1","migrateTo":"h2"`, `,"host":"h3"`}).Draw(t, "host")
		addr := rapid.SampledFrom([]string{"", "", `,"addresses":["10.0.0.9"]`, `,"addresses":["10.0.0.10","10.0.0.11"]`}).Draw(t, "addresses")
		mac := rapid.SampledFrom([]string{"", "", `,"mac":"fa:16:3e:00:00:07"`}).Draw(t, "mac")
		intent[fixture.Port(fmt.Sprintf("p%02d", i))] = `{"spec":{"network":"` + network + `"` + host + addr + mac + `}}`
	}
	drawRouting(t, intent)
	drawGroups(t, intent)
	return intent
}

// drawGroups adds security groups whose rules name each other, themselves, and groups that do not exist. Ports name some, or have the
// project's default, which may not exist either.
func drawGroups(t *rapid.T, intent map[model.ID]string) {
	if !rapid.Bool().Draw(t, "filtering") {
		return
	}
	if name := rapid.SampledFrom([]string{"", "", "g0", "g9"}).Draw(t, "default group"); name != "" {
		intent[fixture.ProjectA] = `{"spec":{"defaultSecurityGroup":"` + name + `"}}`
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "groups") {
		rules := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{`{"direction":"egress"}`, `{"direction":"ingress","remoteGroup":"g0"}`,
			`{"direction":"ingress","protocol":"tcp","port":80,"remoteGroup":"g1"}`, `{"direction":"egress","remoteGroup":"g9"}`,
			`{"direction":"ingress","protocol":"icmp","remoteCIDR":"10.0.0.0/24"}`}), 0, 3, rapid.ID).Draw(t, "rules")
		intent[model.SecurityGroupID("alpha", fmt.Sprintf("g%d", i))] = `{"spec":{"rules":[` + strings.Join(rules, ",") + `]}}`
	}
	for _, d := range ordered(intent) {
		if d.id.Kind != model.KindPort {
			continue
		}
		more := rapid.SampledFrom([]string{"", "", `,"securityGroups":["g0"]`, `,"securityGroups":["g1","g0"]`, `,"securityGroups":["g2"]`}).Draw(t, "groups of a port") +
			rapid.SampledFrom([]string{"", "", `,"allowedAddressPairs":[{"address":"10.0.0.7"}]`}).Draw(t, "pairs of a port") +
			rapid.SampledFrom([]string{"", "", `,"userData":"one"`, `,"metadata":[{"key":"k","value":"two"}]`}).Draw(t, "what the guest gets")
		intent[d.id] = strings.TrimSuffix(d.spec, "}}") + more + "}}"
	}
}

// drawRouting adds routers that may want the same network or join overlapping networks, and floating addresses that may lead
// nowhere, or to one guest twice.
func drawRouting(t *rapid.T, intent map[model.ID]string) {
	if !rapid.Bool().Draw(t, "routing") {
		return
	}
	intent[model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: "operator"}] = `{"spec":{}}`
	intent[fixture.Internet] = fixture.InternetSpec
	for _, host := range []model.ID{fixture.HostH1, fixture.HostH2} {
		intent[host] = rapid.SampledFrom([]string{fixture.HostSpec, fixture.GatewaySpec, fixture.GatewaySpec, fixture.BridgeSpec}).Draw(t, "host")
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "routers") {
		legs := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{`"n0"`, `"n1"`, `"n2"`, `"blue"`}), 1, 2, rapid.ID).Draw(t, "legs")
		external := rapid.SampledFrom([]string{"", `,"externalNetwork":"operator/internet"`, `,"externalNetwork":"operator/internet"`}).Draw(t, "external")
		mode := rapid.SampledFrom([]string{"", "", `,"gateway":"none"`, `,"gateway":"centralized"`, `,"gateway":"centralized"`}).Draw(t, "gateway")
		intent[fixture.Router(fmt.Sprintf("r%d", i))] = `{"spec":{"networks":[` + strings.Join(legs, ",") + `]` + external + mode + drawLimits(t) + `}}`
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "floating") {
		addr := rapid.SampledFrom([]string{"", "", `,"address":"203.0.113.15"`, `,"address":"2001:db8:ffff::15"`}).Draw(t, "floating address")
		target := fmt.Sprintf(`"p%02d"`, rapid.IntRange(0, 5).Draw(t, "target"))
		to := rapid.SampledFrom([]string{"", `,"port":` + target, `,"port":` + target, `,"portForwards":[{"protocol":"tcp","port":80,"target":` + target + `},{"protocol":"udp","port":"53","target":"p00"}]`}).Draw(t, "to")
		intent[fixture.Floating(fmt.Sprintf("f%d", i))] = `{"spec":{"network":"operator/internet"` + addr + to + drawLimits(t) + `}}`
	}
}

// drawLimits are limits of a router, which may have no external network, or of a floating address.
func drawLimits(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", `,"limits":{"egress":{"rateKbps":1000}}`, `,"limits":{"ingress":{"packetRate":100},"egress":{"rateKbps":9000,"burstKbit":9000}}`}).Draw(t, "limits")
}

// drawPools adds address pools that may overlap, be drained or be for groups, and puts hosts into groups. Which address a port gets, and
// whether it gets one, depends on whether its pool is there before it. A management network may want prefixes of networks: the first one gets
// them.
func drawPools(t *rapid.T, intent map[model.ID]string) {
	for _, host := range []model.ID{fixture.HostH1, fixture.HostH2} {
		if group := rapid.SampledFrom([]string{"", "", "rack1", "rack2"}).Draw(t, "group"); group != "" {
			intent[host] = strings.Replace(intent[host], `{"spec":{`, `{"spec":{"group":"`+group+`",`, 1)
		}
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "pools") {
		network := rapid.SampledFrom([]string{"alpha/n0", "alpha/n0", "alpha/n1", "alpha/blue", "operator/internet"}).Draw(t, "pool of")
		first := rapid.SampledFrom([]int{1, 3, 6, 9}).Draw(t, "first")
		ranges := fmt.Sprintf(`{"start":"10.0.0.%d","end":"10.0.0.%d"}`, first, first+rapid.IntRange(0, 3).Draw(t, "length"))
		more := rapid.SampledFrom([]string{"", `,"hostGroups":["rack1"]`, `,"hostGroups":["rack2","rack1"]`}).Draw(t, "groups") +
			rapid.SampledFrom([]string{"", "", `,"drain":true`, `,"priority":5`, `,"holdTime":"90s"`}).Draw(t, "drain") +
			rapid.SampledFrom([]string{"", "", fmt.Sprintf(`,"exclude":["10.0.0.%d"]`, first)}).Draw(t, "exclude")
		intent[pool(fmt.Sprintf("a%d", i))] = `{"spec":{"network":"` + network + `","ranges":[` + ranges + `]` + more + `}}`
	}
	if cidrs := rapid.SampledFrom([]string{"", "", `"10.0.1.0/28"`, `"172.16.0.0/24","fd00:9::/64"`}).Draw(t, "management"); cidrs != "" {
		id := model.ID{Project: model.ClusterProject, Kind: model.KindPhysicalNetwork, Name: "control"}
		intent[id] = `{"spec":{"role":"management","cidrs":[` + cidrs + `]}}`
	}
	for _, d := range ordered(intent) {
		if d.id.Kind == model.KindNetwork && strings.HasPrefix(d.id.Name, "n") && rapid.IntRange(0, 2).Draw(t, "mobility") == 0 {
			intent[d.id] = strings.Replace(d.spec, `"type"`, `"addressMobility":"hostGroup","type"`, 1)
		}
	}
}

// independent removes from a region what depends on who comes first.
func independent(intent map[model.ID]string) {
	taken := map[string]bool{}
	for _, d := range ordered(intent) {
		var wants []string
		switch d.id.Kind {
		case model.KindRouter:
			wants = between(d.spec, `"networks":[`, `]`)
		case model.KindFloatingIP:
			wants = between(d.spec, `"port":"p`, `"`)
		}
		explicit := strings.Contains(d.spec, `"address`) || strings.Contains(d.spec, `"mac"`) || strings.Contains(d.spec, `"segmentationID"`)
		clash := slices.ContainsFunc(wants, func(w string) bool { return taken[string(d.id.Kind)+w] })
		if d.id != fixture.Internet && (explicit || clash) {
			delete(intent, d.id)
			continue
		}
		for _, w := range wants {
			taken[string(d.id.Kind)+w] = true
		}
	}
}

// between lists the items of a list in text.
func between(text, start, end string) []string {
	_, rest, ok := strings.Cut(text, start)
	if !ok {
		return nil
	}
	list, _, _ := strings.Cut(rest, end)
	return strings.Split(list, ",")
}

// routing gives both hosts all features.
func (s *sim) routing() {
	for _, node := range []string{"h1", "h2"} {
		s.feature(node, fixture.AllFeatures()...)
	}
}

// ordered gives the declarations in the order of their IDs.
func ordered(intent map[model.ID]string) []declaration {
	var out []declaration
	for _, id := range slices.SortedFunc(maps.Keys(intent), model.ID.Compare) {
		out = append(out, declaration{id, intent[id]})
	}
	return out
}

// shape is everything that must not depend on how intent arrived: phases, placements and explicit values. Chosen values and uids
// are left out.
func (s *sim) shape() map[string]string {
	out := map[string]string{}
	for id := range s.cache().Intents() {
		cond := s.condition(id)
		var reasons []string
		for _, r := range cond.Reasons {
			reasons = append(reasons, r.Field)
		}
		phase, _ := s.planner.outlook(id, &cond)
		out["condition of "+id.String()] = string(phase) + " " + strings.Join(reasons, ",")
		a := s.cache().Accepted(id)
		if a == nil {
			continue
		}
		explicit := ""
		if p, ok := a.Object.Spec.(*model.PortSpec); ok {
			explicit = fmt.Sprint(p.Addresses, p.MAC, len(a.Allocated.Addresses))
		}
		out["accepted "+id.String()] = explicit
		k := desired.Key{Kind: itemKind(id.Kind), UID: a.UID}
		for node := range s.cache().Placed(k) {
			state := ""
			if p, ok := s.cache().Node(node).Items[k].Value.(*desired.Port); ok {
				state = string(p.State)
			}
			out[node+" holds "+id.String()] = state
		}
	}
	return out
}

// Intent that is divided into transactions, written twice, and mixed with garbage that is removed again leads to the same result as
// intent that arrives at once.
func TestArrivalDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := ordered(drawRegion(t))
		once := newSim(t)
		once.routing()
		for _, d := range all {
			once.put(d.id, d.spec)
		}
		once.settle()
		once.check()
		split := newSim(t)
		split.routing()
		for _, d := range all {
			split.put(d.id, d.spec)
		}
		for range rapid.IntRange(0, 3*len(all)).Draw(t, "replays") {
			d := rapid.SampledFrom(all).Draw(t, "again")
			if rapid.Bool().Draw(t, "garbage") {
				split.put(d.id, `{"spec":{"no such field":1}}`)
			}
			split.put(d.id, d.spec)
			if rapid.Bool().Draw(t, "transaction") && !split.planner.Queue.Empty() {
				split.transact()
			}
		}
		split.settle()
		split.check()
		if diff := cmp.Diff(once.shape(), split.shape()); diff != "" {
			t.Fatalf("(-at once +split)\n%s", diff)
		}
	})
}

// Objects whose explicit values do not collide may also be created in any order.
func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		intent := drawRegion(t)
		independent(intent)
		all := ordered(intent)
		once, shuffled := newSim(t), newSim(t)
		once.routing()
		shuffled.routing()
		for _, d := range all {
			once.put(d.id, d.spec)
		}
		once.settle()
		for _, d := range rapid.Permutation(all).Draw(t, "order") {
			shuffled.put(d.id, d.spec)
			if rapid.Bool().Draw(t, "settle") {
				shuffled.settle()
			}
		}
		shuffled.settle()
		shuffled.check()
		if diff := cmp.Diff(once.shape(), shuffled.shape()); diff != "" {
			t.Fatalf("(-sorted +shuffled)\n%s", diff)
		}
	})
}

// A replica that starts with what another one has written changes nothing. With only accepted objects and claims it computes the
// same node configs.
func TestAFreshLeaderComputesTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		first := newSim(t)
		intent := drawRegion(t)
		drawPools(t, intent)
		for _, d := range ordered(intent) {
			first.put(d.id, d.spec)
		}
		first.routing()
		first.settle()
		second, bare := newSim(t), newSim(t)
		second.inherit(first, func(etcdschema.Key) bool { return true })
		second.planner.EnqueueAll()
		second.settle()
		if second.writes != 0 {
			t.Fatalf("a fresh leader wrote %d keys", second.writes)
		}
		bare.inherit(first, func(k etcdschema.Key) bool { return cache.Area(k) != "desired" })
		bare.planner.EnqueueAll()
		bare.settle()
		bare.check()
		for k, e := range first.cache().Entries() {
			_, _, head, item := etcdschema.ParseDesired(k)
			if !item || head {
				continue
			}
			if b := bare.cache().Entry(k); b == nil || string(b.Data) != string(e.Data) {
				t.Fatalf("%s computed again is %v, was %s", k, b, e.Data)
			}
		}
	})
}

// inherit copies the etcd of another planner.
func (s *sim) inherit(from *sim, which func(etcdschema.Key) bool) {
	for _, k := range slices.SortedFunc(maps.Keys(maps.Collect(from.cache().Entries())), etcdschema.Key.Compare) {
		if e := from.cache().Entry(k); which(k) {
			s.cache().Set(k, &cache.Entry{Data: e.Data, ModRevision: e.ModRevision, CreateRevision: e.CreateRevision})
		}
	}
	s.rev, s.uids = from.rev, from.uids // no replica gives out a uid that another has given out
}

// Whatever people do to a region, in whatever order: nothing is claimed twice, every node config matches its head, and a second
// evaluation changes nothing.
func TestAnyHistoryKeepsTheInvariants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newSim(t)
		s.routing()
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			intent := drawRegion(t)
			drawPools(t, intent)
			for _, d := range ordered(intent) {
				switch rapid.IntRange(0, 5).Draw(t, "what") {
				case 0:
					s.remove(d.id)
				case 1:
					s.remove(d.id)
					s.put(d.id, d.spec)
				default:
					s.put(d.id, d.spec)
				}
			}
			if rapid.Bool().Draw(t, "settle") {
				s.settle()
				s.check()
			}
		}
		s.settle()
		s.check()
		writes, before := s.writes, s.snapshot()
		s.planner.EnqueueAll()
		s.settle()
		if s.writes != writes {
			t.Fatalf("a second look wrote %d keys: (-before +after)\n%s", s.writes-writes, cmp.Diff(before, s.snapshot()))
		}
	})
}

// disturb does to a region what people do not do: a weftd is upgraded or downgraded (what it does not support any more stays if it
// is harmless), a guest arrives, keys are deleted or written by hand, a transaction is refused.
func (s *sim) disturb(t *rapid.T) {
	switch rapid.IntRange(0, 4).Draw(t, "disturbance") {
	case 0:
		s.feature(rapid.SampledFrom([]string{"h1", "h2"}).Draw(t, "upgraded"), fixture.AllFeatures()...)
	case 1:
		for _, id := range slices.SortedFunc(maps.Keys(maps.Collect(s.cache().AllAccepted())), model.ID.Compare) {
			if n := s.number(id); n != 0 && rapid.Bool().Draw(t, "arrives") {
				s.hears("h2", id, n)
			}
		}
	case 2:
		if keys := s.keysIn("claim"); len(keys) > 0 {
			s.event(rapid.SampledFrom(keys).Draw(t, "claim gone"), nil)
		}
	case 3:
		if keys := s.keysIn("desired"); len(keys) > 0 {
			value := rapid.SampledFrom([][]byte{nil, []byte(`garbage`)}).Draw(t, "written by hand")
			s.event(rapid.SampledFrom(keys).Draw(t, "item"), value)
		}
	case 4:
		tx, work := s.planner.Fill()
		tx.Abandon()
		for _, u := range work {
			s.planner.Queue.Add(u)
		}
	}
}

func (s *sim) keysIn(of string) []etcdschema.Key {
	var keys []etcdschema.Key
	for k := range s.cache().Entries() {
		if cache.Area(k) == of {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, etcdschema.Key.Compare)
	return keys
}

// Whatever happens, in whatever order: evaluating change by change gives the same as evaluating everything from nothing, byte by
// byte.
func TestAnyHistoryEqualsAFreshLook(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, shown := newSim(t), map[etcdschema.Key]string{}
		s.feature("h1", desired.Baseline()...)
		for range rapid.IntRange(1, 3).Draw(t, "edits") {
			intent := drawRegion(t)
			drawPools(t, intent)
			for _, d := range ordered(intent) {
				if rapid.IntRange(0, 4).Draw(t, "what") == 0 {
					s.remove(d.id)
				} else {
					s.put(d.id, d.spec)
				}
				if rapid.IntRange(0, 3).Draw(t, "disturbed") == 0 {
					s.disturb(t)
				}
				if rapid.IntRange(0, 3).Draw(t, "settled") == 0 {
					s.settle()
					s.lookAtStatuses(shown)
				}
			}
		}
		s.settle()
		s.lookAtStatuses(shown)
		s.checkStatuses(shown)
		s.checkPools()
		writes, before := s.writes, s.snapshot()
		s.planner.EnqueueAll()
		s.settle()
		if s.writes != writes {
			t.Fatalf("a second look wrote %d keys: (-before +after)\n%s", s.writes-writes, cmp.Diff(before, s.snapshot()))
		}
		fresh := newSim(t)
		fresh.inherit(s, func(k etcdschema.Key) bool { return cache.Area(k) != "desired" })
		fresh.planner.EnqueueAll()
		fresh.settle()
		if diff := cmp.Diff(fresh.configs(), s.configs()); diff != "" {
			t.Fatalf("(-from nothing +change by change)\n%s", diff)
		}
	})
}

// lookAtStatuses evaluates the statuses that are queued, as the controller does, and keeps what it would write.
func (s *sim) lookAtStatuses(shown map[etcdschema.Key]string) {
	s.t.Helper()
	for s.planner.StatusesWait() {
		for _, k := range s.planner.NextStatuses() {
			shown[k] = s.statusText(k)
			s.planner.DropStatus(k)
		}
	}
}

// statusText is the status as it is now.
func (s *sim) statusText(k etcdschema.Key) string {
	s.t.Helper()
	status, ok := s.planner.StatusFor(k)
	if !ok {
		return ""
	}
	data, err := etcdschema.Encode(status)
	if err != nil {
		s.t.Fatalf("%s: %v", k, err)
	}
	return string(data)
}

// checkStatuses: no status says what was true once. Whatever changed one has queued it.
func (s *sim) checkStatuses(shown map[etcdschema.Key]string) {
	s.t.Helper()
	for k := range shown {
		if diff := cmp.Diff(s.statusText(k), shown[k]); diff != "" {
			s.t.Fatalf("%s is stale (-now +shown)\n%s", k, diff)
		}
	}
}

// configs are the node configs without the heads, which count writes.
func (s *sim) configs() map[string]string {
	out := s.snapshot()
	maps.DeleteFunc(out, func(k, _ string) bool { return !strings.HasPrefix(k, "desired/") || strings.HasSuffix(k, "/_head") })
	return out
}
