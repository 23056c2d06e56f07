package ovs

import (
	"context"
	"slices"
)

// flowDump is what a switch has answered.
type flowDump interface {
	// digests are by cookie. The digest of a cookie is the same as in another dump if its flows are the same.
	digests() map[uint64]uint64
	// parse reads the flows with these cookies.
	parse(cookies map[uint64]struct{}) ([]*switchFlow, error)
}

// refreshFlows reads the flows of the cookie, or all flows, from the switch into the cache.
func (d *Driver) refreshFlows(ctx context.Context, bridge string, v *flowCache, cookie *uint64) error {
	v.dumping.Lock()
	defer v.dumping.Unlock()
	v.beginDump()
	dump, err := d.flows.dump(ctx, bridge, cookie)
	if err != nil {
		v.dumpFailed()
		return err
	}
	return v.merge(cookie, dump)
}

// beginDump is called before the switch is asked. merge takes the answer: the flows of the cookie, or all flows if it is nil.
// dumpFailed is called if there is no answer. What the monitor reports in between wins. Only one dump runs at a time.
func (v *flowCache) beginDump() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.touched, v.stirred = map[flowID]struct{}{}, map[uint64]struct{}{}
	v.dumps++
}

func (v *flowCache) dumpFailed() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.touched, v.stirred = nil, nil
}

// merge brings the view to what the switch has answered. It reads only the flows of cookies whose digests differ, because on a host at
// rest none does.
func (v *flowCache) merge(cookie *uint64, dump flowDump) error {
	digests := dump.digests()
	differ := v.differing(cookie, digests)
	flows, err := dump.parse(differ)
	if err != nil {
		v.dumpFailed()
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, f := range flows {
		if _, newer := v.touched[idOf(&f.Flow)]; !newer {
			e, _ := v.index.put(f.Cookie, &f.Flow)
			e.seen = v.dumps
		}
	}
	for c := range differ {
		v.removeUnseen(c)
		_, stirred := v.stirred[c]
		if set := v.index.byCookie[c]; set != nil && !stirred {
			set.digest, set.read = digests[c], true
		}
	}
	v.touched, v.stirred = nil, nil
	v.wake()
	return nil
}

// differing are the cookies of a dump whose flows are not known to be as in the cache.
func (v *flowCache) differing(cookie *uint64, digests map[uint64]uint64) map[uint64]struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	differ := map[uint64]struct{}{}
	for c, digest := range digests {
		if set := v.index.byCookie[c]; set == nil || !set.read || set.digest != digest {
			differ[c] = struct{}{}
		}
	}
	for c := range v.index.byCookie {
		if _, there := digests[c]; !there && (cookie == nil || c == *cookie) {
			differ[c] = struct{}{}
		}
	}
	return differ
}

// removeUnseen removes the flows of a cookie that the last dump did not have. The lock is held.
func (v *flowCache) removeUnseen(cookie uint64) {
	set := v.index.byCookie[cookie]
	if set == nil {
		return
	}
	for _, e := range slices.Clone(set.list) {
		if _, newer := v.touched[idOf(e.flow)]; e.seen != v.dumps && !newer {
			v.index.remove(e)
		}
	}
}

func (d *Driver) readFragments(ctx context.Context, bridge string, v *flowCache) error {
	mode, err := d.flows.fragments(ctx, bridge)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fragments = mode
	return nil
}
