package ovs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// TestIDsAreBounded: anybody on the host can write external_ids.
func TestIDsAreBounded(t *testing.T) {
	t.Parallel()
	ids := map[string]string{"a": strings.Repeat("x", maxID), "b": strings.Repeat("x", maxID+1)}
	if len(id(ids, "a")) != maxID || id(ids, "b") != "" || id(nil, "a") != "" {
		t.Error("a value is not bounded")
	}
}

// TestHeldDevices: what the cache knows against the switch's hold on a device, by datapath.
func TestHeldDevices(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	d := m.d.devices
	if err := d.listener.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	var lo netlink.Link
	var came uint64
	d.links.View(func(c netlink.Cache) {
		lo, _ = c.Named("lo")
		came = c.Came(lo.Index)
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range []struct {
		name      string
		device    string
		userspace bool
		reads     bool
		want      object.Attachment
	}{
		{"no such device", "weft-none", true, false, ""},
		{"nobody reads it", "lo", true, false, object.AttachmentLost},
		{"it is not promiscuous", "lo", true, true, object.AttachmentNotPromiscuous},
		{"it is not enslaved to the kernel's datapath", "lo", false, true, object.AttachmentLost},
	} {
		d.known, d.readers = map[int]uint64{lo.Index: came}, map[int]bool{lo.Index: c.reads}
		if a, err := d.judge(c.device, c.userspace); a != c.want || err != nil {
			t.Errorf("%s: %q, %v", c.name, a, err)
		}
	}
	boom := errors.New("boom")
	d.inside = func(func() error) error { return boom }
	d.known = map[int]uint64{lo.Index: came + 1} // another device with the same index
	if _, err := d.judge("lo", true); !errors.Is(err, boom) {
		t.Errorf("the sockets were not read again: %v", err)
	}
}

// TestStrictDeletes: a delete that names a priority is strict, whatever comes before it.
func TestStrictDeletes(t *testing.T) {
	t.Parallel()
	in := "delete priority=5,ip\nadd priority=1 actions=drop\ndelete cookie=0x1/-1\ndelete priority=7\n"
	out, err := strictDeletes(strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(out)
	want := "\ndelete_strict priority=5,ip\nadd priority=1 actions=drop\ndelete cookie=0x1/-1\ndelete_strict priority=7\n"
	if string(text) != want {
		t.Errorf("%q, want %q", text, want)
	}
}

// TestComplaintsOfALostSwitch are told from those of a switch that refuses.
func TestComplaintsOfALostSwitch(t *testing.T) {
	t.Parallel()
	for text, lost := range map[string]bool{
		"ovs-ofctl: unix:/x: failed to open (Connection refused)": true, "x (No such file or directory)": true, "read: Connection reset by peer": true,
		"connection closed by peer": true, "write: Broken pipe": true, "talking to x (End of file)": true, "ovs-ofctl: br-x is not a bridge or a socket": true,
		"OFPT_ERROR (OF1.4): OFPBMC_BAD_PREREQ": false, "": false,
	} {
		if isLost(text) != lost {
			t.Errorf("%q: lost %v", text, !lost)
		}
	}
}

// TestPausesGrow up to the longest, and a connection that lasted begins anew. Only the first complaint of a series is made.
func TestPausesGrow(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithCancel(t.Context())
	cancel() // nothing is waited for
	var w retryWait
	var pauses []time.Duration
	pause := func() { w.pause(over); pauses = append(pauses, w.next) }
	for range 6 {
		pause()
	}
	w.begin() // a connection that did not last
	pause()
	w.since = time.Now().Add(-2 * steadyAfter)
	pause()
	pause()
	want := []time.Duration{50, 100, 200, 400, 500, 500, 500, 50, 100}
	for i := range want {
		want[i] *= time.Millisecond
	}
	if !slices.Equal(pauses, want) {
		t.Errorf("pauses %v, want %v", pauses, want)
	}
	said := 0
	say := func() { said++ }
	w.complain(say)
	w.complain(say)
	w.begin()
	w.complain(say)
	if said != 2 {
		t.Errorf("complained %d times", said)
	}
}

// TestHostileMonitorText: the reader ends with an error, and does not keep text without bound.
func TestHostileMonitorText(t *testing.T) {
	t.Parallel()
	update := func(event, hex string) string { return "x\n event=" + event + "\n00000000  " + hex + "\n" }
	const header, flowMonitor = "05 13 00 10 00 00 00 02-", "00 10 00 00 00 00 00 00"
	for name, c := range map[string]struct{ text, want string }{
		"text without end":      {strings.Repeat("x\n", maxMonitorLines+1), "text without message"},
		"an update of no bytes": {update("ADDED table=1 actions=drop", header+flowMonitor), "has no bytes"},
		"a byte that is none":   {"00000000  05 zz\n", "line"},
		"bytes without text": {"x\n00000000  " + strings.Replace(header, "10 00", "18 00", 1) + flowMonitor + "\n00000010  00 08 00 00 00 00 00 00\n",
			"8 bytes of flow updates have no text"},
		"an update that is too long": {"x\n event=ADDED table=1\n00000000  " + strings.Replace(header, "10 00", "18 00", 1) + flowMonitor +
			"\n00000010  ff ff 00 00 00 00 00 00\n", "has 65535 bytes"},
		"an update that is too short": {"x\n event=ADDED table=1\n00000000  " + strings.Replace(header, "10 00", "18 00", 1) + flowMonitor +
			"\n00000010  00 08 00 00 00 00 00 00\n", "has 8 bytes"},
		"an unknown event": {"x\n event=BURNED table=1\n00000000  " + strings.Replace(header, "10 00", "18 00", 1) + flowMonitor +
			"\n00000010  00 08 00 00 00 00 00 00\n", "is unknown"},
	} {
		events := 0
		m := monitorReader{ready: func() {}, on: func(e []flowEvent) { events += len(e) }}
		if err := m.read(bytes.NewReader([]byte(c.text))); err == nil || !strings.Contains(err.Error(), c.want) || events > 0 {
			t.Errorf("%s: %v with %d events, want %q", name, err, events, c.want)
		}
	}
	paused := "x\n event=PAUSED\n00000000  " + strings.Replace(header, "10 00", "18 00", 1) + flowMonitor + "\n00000010  00 08 00 00 00 00 00 00\n"
	ready := 0
	m := monitorReader{ready: func() { ready++ }, on: func([]flowEvent) { t.Error("a pause is an event") }}
	if err := m.read(strings.NewReader(paused)); err != nil || ready != 1 {
		t.Errorf("a pause: %v, ready %d times", err, ready)
	}
}
