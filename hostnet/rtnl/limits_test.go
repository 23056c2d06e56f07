package rtnl

import (
	"encoding/binary"
	"strings"
	"syscall"
	"testing"
	"time"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// TestLimitsAreReadAsWritten: what is sent to the kernel and what is read of it mean the same.
func TestLimitsAreReadAsWritten(t *testing.T) {
	t.Parallel()
	for _, s := range []object.Shaper{{Rate: 12_500, Burst: object.BurstTime(65536, 12_500), Limit: 70_000}, {Rate: 1<<32 - 1, Burst: object.PSchedTick, Limit: 1<<32 - 1}} {
		q, ok, err := parseQdisc(shaperRequest(7, s).Message())
		if err != nil || !ok || q.index != 7 || q.hook != hookRoot || q.kind != object.QdiscTBF || q.shaper != s {
			t.Errorf("%+v is read as %+v, %v, %v", s, q, ok, err)
		}
	}
	half := 500 * time.Millisecond
	for _, p := range []object.Policer{{Rate: 1000, Burst: half}, {Packets: 10, PacketBurst: half}, {Rate: 1<<32 - 1, Burst: half, Packets: 1 << 40, PacketBurst: time.Hour}} {
		f, err := parseFilter(policerRequest(7, hookFromGuest, p).Message())
		if err != nil || f.strange != "" || f.policer != p || f.kind != filterKind || f.handle != filterHandle || f.info != filterInfo() {
			t.Errorf("%+v is read as %+v, %v", p, f, err)
		}
		var state filterState
		state.add(hookToGuest, []filterMessage{{kind: filterKind}, f})
		if state != (filterState{toGuest: p}) {
			t.Errorf("the filters do %+v", state)
		}
	}
}

// TestStrangeFilters: everything else that a filter does is told, and never taken for a limit.
func TestStrangeFilters(t *testing.T) {
	t.Parallel()
	rate := object.Policer{Rate: 1000, Burst: time.Second}
	filter := func(kind string, handle, info uint32, fill func(r *own.Request)) filterMessage {
		r := own.NewRequest(0, 0, tcHeader(7, handle, hookFromGuest, info)).Text(1, kind)
		r.Nest(2, nil, func() { fill(r) })
		f, err := parseFilter(r.Message())
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	police := func(order uint16, p object.Policer) func(*own.Request) {
		return func(r *own.Request) {
			r.Nest(basicActions, nil, func() { appendPolice(r, order, p.Rate, uint32(p.Burst/object.PSchedTick), nil) })
		}
	}
	for want, f := range map[string]filterMessage{
		"foreign filter u32 0x1":     filter("u32", filterHandle, filterInfo(), police(1, rate)),
		"foreign filter basic 0x2":   filter(filterKind, 2, filterInfo(), police(1, rate)),
		"foreign filter basic 0x1":   filter(filterKind, filterHandle, filterInfo()+1<<16, police(1, rate)),
		"the filter has attribute 1": filter(filterKind, filterHandle, filterInfo(), func(r *own.Request) { r.Uint32(1, 5) }),
		"the filter has a condition": filter(filterKind, filterHandle, filterInfo(), func(r *own.Request) { r.Nest(basicMatches, nil, func() { r.Attr(1, 2, 0, 0, 0) }) }),
		`the filter has the action "ok"`: filter(filterKind, filterHandle, filterInfo(), func(r *own.Request) {
			r.Nest(basicActions, nil, func() { r.Nest(1, nil, func() { r.Text(actionKind, "ok") }) })
		}),
		"the policer has no parameters": filter(filterKind, filterHandle, filterInfo(), func(r *own.Request) {
			r.Nest(basicActions, nil, func() { r.Nest(1, nil, func() { r.Text(actionKind, "police") }) })
		}),
		"a policer more than it should": filter(filterKind, filterHandle, filterInfo(), func(r *own.Request) {
			police(1, rate)(r)
			police(2, rate)(r)
		}),
		"does not count the Ethernet header": filter(filterKind, filterHandle, filterInfo(), func(r *own.Request) {
			parms := make([]byte, policeLen)
			binary.NativeEndian.PutUint32(parms[policeExceed:], actionShot)
			binary.NativeEndian.PutUint32(parms[policeMTU:], anyMTU)
			binary.NativeEndian.PutUint32(parms[policeRate+ratespecRate:], 1000)
			r.Nest(basicActions, nil, func() {
				r.Nest(1, nil, func() {
					r.Text(actionKind, "police")
					r.Nest(actionOptions, nil, func() { r.Attr(policeParms, parms...).Uint32(policeResult, actionPipe) })
				})
			})
		}),
		"does not drop what exceeds": filter(filterKind, filterHandle, filterInfo(), func(r *own.Request) {
			r.Nest(basicActions, nil, func() {
				r.Nest(1, nil, func() {
					r.Text(actionKind, "police")
					r.Nest(actionOptions, nil, func() { r.Attr(policeParms, make([]byte, policeLen)...) })
				})
			})
		}),
	} {
		var state filterState
		state.add(hookFromGuest, []filterMessage{f})
		if !strings.Contains(state.strange, want) || state.fromGuest.Exists() {
			t.Errorf("%+v, expected %q", state, want)
		}
	}
}

// FuzzTrafficControl: no message makes the parsers panic.
func FuzzTrafficControl(f *testing.F) {
	f.Add(shaperRequest(7, object.Shaper{Rate: 1000, Burst: time.Second, Limit: 9}).Body())
	f.Add(policerRequest(7, hookFromGuest, object.Policer{Rate: 1000, Burst: time.Second, Packets: 5, PacketBurst: time.Second}).Body())
	f.Fuzz(func(_ *testing.T, data []byte) {
		m := syscall.NetlinkMessage{Data: data}
		_, _, _ = parseQdisc(m)
		_, _ = parseFilter(m)
	})
}
