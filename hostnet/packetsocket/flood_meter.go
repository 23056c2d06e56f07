package packetsocket

import "time"

// What counts as a flood: far more frames in a window than any guest needs to send.
const (
	floodWindow = time.Second
	floodFrames = 1000
)

const (
	// shutTime is how long a flooding device is shut out.
	shutTime = 5 * time.Second
	// shutMost bounds how many devices are shut out. Each costs the kernel two instructions for every frame.
	shutMost = 64
	// episodeGap is how long a device must be quiet after it was let in again, so that its next flood is a new episode.
	episodeGap = 2 * shutTime
)

// floodMeter counts frames by device and says which devices the kernel must shut out. It is pure: the caller gives the time,
// which never goes back.
type floodMeter struct {
	window time.Time // its beginning; zero if nothing was counted since the last window ended
	seen   map[int]int
	floods map[int]flood
}

// flood is the flood of one device.
type flood struct {
	shut  bool
	first bool          // seen for the first time in this episode
	until time.Time     // shut until then
	took  time.Duration // the time for floodFrames frames: the less, the worse
}

func newFloodMeter() floodMeter { return floodMeter{seen: map[int]int{}, floods: map[int]flood{}} }

// count counts one frame of the device. changed says that the result of shut changed.
func (m *floodMeter) count(index int, now time.Time) (f flood, changed bool) {
	old, known := m.floods[index]
	if old.shut {
		old.first = false
		return old, false // the frame was still queued
	}
	if m.window.IsZero() {
		m.window = now
	}
	m.seen[index]++
	if m.seen[index] != floodFrames+1 {
		return flood{}, false
	}
	f = flood{shut: true, until: now.Add(shutTime), took: now.Sub(m.window)}
	if !m.room(f.took) {
		return flood{}, false
	}
	m.floods[index] = f
	f.first = !known
	return f, true
}

// room says whether a flood may be shut out. If there are too many, it lets the mildest one in for a worse one.
func (m *floodMeter) room(took time.Duration) bool {
	mildest, shut := 0, 0
	for index, f := range m.floods {
		if !f.shut {
			continue
		}
		if shut++; shut == 1 || f.took > m.floods[mildest].took {
			mildest = index
		}
	}
	if shut < shutMost {
		return true
	}
	if m.floods[mildest].took <= took {
		return false
	}
	m.admit(mildest)
	return true
}

// admit lets a device in again and remembers its episode.
func (m *floodMeter) admit(index int) {
	f := m.floods[index]
	f.shut = false
	m.floods[index] = f
	delete(m.seen, index)
}

// shut lists the devices that must be shut out, in no order.
func (m *floodMeter) shut() []int {
	var list []int
	for index, f := range m.floods {
		if f.shut {
			list = append(list, index)
		}
	}
	return list
}

// tick ends windows and floods. next is when it must be called again; zero means not before the next count. changed says that the
// result of shut changed. ended says that a window ended.
func (m *floodMeter) tick(now time.Time) (next time.Time, changed, ended bool) {
	if !m.window.IsZero() && now.Sub(m.window) >= floodWindow {
		m.window, ended = time.Time{}, true
		clear(m.seen)
	}
	for index, f := range m.floods {
		switch {
		case f.shut && !now.Before(f.until):
			m.admit(index)
			changed = true
		case !f.shut && now.Sub(f.until) >= episodeGap:
			delete(m.floods, index)
			continue
		}
		due := f.until
		if !m.floods[index].shut {
			due = f.until.Add(episodeGap)
		}
		next = earlier(next, due)
	}
	if !m.window.IsZero() {
		next = earlier(next, m.window.Add(floodWindow))
	}
	return next, changed, ended
}

// earlier is the earlier of two times. Zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
