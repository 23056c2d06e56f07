package ovs

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"weft/hostnet/object"
)

// TestViewIsAsTheLastDump: whatever somebody changes, whether the monitor reports it or not, and whatever is shared, a dump makes the
// view as the switch is.
func TestViewIsAsTheLastDump(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v, sw := newFlowCache(""), map[flowID]switchFlow{}
		v.index.hash = func(f *object.Flow) uint64 { return uint64(f.Priority) % 3 }
		list := func() (l listDump) { return slices.Collect(maps.Values(sw)) }
		tell := func(e flowEvent) {
			if rapid.Bool().Draw(t, "told") {
				v.apply([]flowEvent{e})
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				f := switchFlow{rapid.Uint64Range(1, 3).Draw(t, "cookie"), object.Flow{Table: 1, Priority: uint16(rapid.IntRange(0, 9).Draw(t, "flow")),
					Actions: []object.Action{object.Output{Port: uint32(rapid.IntRange(1, 2).Draw(t, "to"))}}}}
				sw[idOf(&f.Flow)] = f
				tell(flowEvent{flow: f})
			},
			"remove": func(t *rapid.T) {
				f := object.Flow{Table: 1, Priority: uint16(rapid.IntRange(0, 9).Draw(t, "flow"))}
				if old, there := sw[idOf(&f)]; there {
					delete(sw, idOf(&f))
					tell(flowEvent{deleted: true, flow: old})
				}
			},
			"share": func(t *rapid.T) {
				cookie := rapid.Uint64Range(1, 3).Draw(t, "cookie")
				var flows []object.Flow
				for _, f := range sw {
					if f.Cookie == cookie {
						flows = append(flows, f.Flow)
					}
				}
				v.shares(cookie, flows)
			},
			"dump": func(t *rapid.T) {
				v.beginDump()
				if err := v.merge(nil, list()); err != nil {
					t.Fatal(err)
				}
				want := map[uint64][]object.Flow{}
				for _, f := range sw {
					want[f.Cookie] = append(want[f.Cookie], f.Flow)
				}
				if len(v.cookies()) != len(want) {
					t.Fatalf("cookies %v, expected %v", v.cookies(), want)
				}
				for cookie, flows := range want {
					got, _ := v.flows(cookie)
					if missing, extra := object.FlowDelta(got, flows); len(missing)+len(extra) > 0 {
						t.Fatalf("cookie %d: missing %v, extra %v", cookie, missing, extra)
					}
				}
			},
		})
	})
}

// parsed counts the flows that a view has read of a dump.
type parsed struct {
	listDump
	n int
}

func (p *parsed) parse(cookies map[uint64]struct{}) ([]*switchFlow, error) {
	flows, err := p.listDump.parse(cookies)
	p.n += len(flows)
	return flows, err
}

// TestOnlyWhatDiffersIsRead: a dump costs the flow sets that have changed, and not what the switch holds.
func TestOnlyWhatDiffersIsRead(t *testing.T) {
	t.Parallel()
	v := newFlowCache("")
	dump := &parsed{}
	for cookie := range uint64(20) {
		for priority := range uint16(5) {
			dump.listDump = append(dump.listDump, switchFlow{cookie, object.Flow{Table: uint8(cookie), Priority: priority}})
		}
	}
	for _, step := range []struct {
		what   string
		change func()
		read   int
	}{
		{"the first time", func() {}, 100},
		{"nothing changed", func() {}, 0},
		{"the order changed", func() { slices.Reverse(dump.listDump) }, 0},
		{"one flow went", func() { dump.listDump = dump.listDump[1:] }, 4},
		{"one flow got another action", func() { dump.listDump[99-1].Flow.Actions = []object.Action{object.PopVLAN{}} }, 5},
		{"the monitor told of a change", func() { v.apply([]flowEvent{{flow: dump.listDump[50]}}) }, 0},
		{"the monitor told of a removal that was undone", func() {
			v.apply([]flowEvent{{deleted: true, flow: dump.listDump[50]}})
		}, 5},
	} {
		step.change()
		dump.n = 0
		v.beginDump()
		merged(t, v, dump)
		if dump.n != step.read {
			t.Errorf("%s: %d flows were read, expected %d", step.what, dump.n, step.read)
		}
	}
}

// TestDigestsOfText: the digests of what ovs-ofctl prints tell flow sets apart and depend neither on the order nor on headings.
func TestDigestsOfText(t *testing.T) {
	t.Parallel()
	o := newDirect("").ofctl
	digests := func(text string) map[uint64]uint64 { return textDump{[]byte(text), "br-int", o.seed}.digests() }
	const a, b, c = " cookie=0x5700000000000001, table=1, priority=5 actions=drop\n", " cookie=0x5700000000000001, table=2, ip actions=LOCAL\n",
		" cookie=0x5700000000000002, table=1, priority=6 actions=learn(table=12,cookie=0x9)\n"
	first := digests("OFPST_FLOW reply (OF1.4) (xid=0x2):\n" + a + b + c)
	if again := digests(c + "OFPST_FLOW reply (OF1.4) (xid=0x3):\n" + b + a); len(first) != 2 || !maps.Equal(first, again) {
		t.Errorf("%#x and %#x", first, again)
	}
	if less := digests(a + c); less[0x5700000000000001] == first[0x5700000000000001] || less[0x5700000000000002] != first[0x5700000000000002] {
		t.Errorf("a flow went: %#x and %#x", first, less)
	}
	flows, err := textDump{[]byte(a + b + c), "br-int", o.seed}.parse(map[uint64]struct{}{0x5700000000000001: {}})
	if err != nil || len(flows) != 2 || flows[1].Flow.Table != 2 {
		t.Errorf("%v, %v", flows, err)
	}
}
