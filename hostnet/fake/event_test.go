package fake

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
)

func heard(t *testing.T, d *Driver) (take func() object.Event) {
	t.Helper()
	events := make(chan object.Event, 100)
	ctx, cancel := context.WithCancel(context.Background())
	done, begun := make(chan struct{}), make(chan struct{})
	d.send(object.Event{By: "begin"})
	before := true
	go func() {
		defer close(done)
		_ = d.Watch(ctx, func(e object.Event) {
			switch {
			case e.By == "begin":
				before = false
				close(begun)
			case !before:
				events <- e
			}
		})
	}()
	<-begun
	t.Cleanup(func() { cancel(); <-done })
	return func() (all object.Event) {
		for {
			select {
			case e := <-events:
				all.Keys, all.Devices, all.Resync = append(all.Keys, e.Keys...), append(all.Devices, e.Devices...), all.Resync || e.Resync
			default:
				slices.SortFunc(all.Keys, object.Key.Compare)
				slices.Sort(all.Devices)
				all.Keys, all.Devices = slices.Compact(all.Keys), slices.Compact(all.Devices)
				return all
			}
		}
	}
}

func names(keys []object.Key) string {
	var all []string
	for _, k := range keys {
		all = append(all, k.String())
	}
	return strings.Join(all, " ")
}

func TestRestart(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	inProcess := []object.Kind{object.KindDHCPBinding, object.KindRABinding, object.KindMetadataBinding, object.KindActivation, object.KindAnnouncement}
	want := map[object.Key]bool{}
	for k := range h.Objects() {
		want[k] = !slices.Contains(inProcess, k.Kind)
	}
	h.Restart()
	for k := range want {
		if o := observe(t, h, k); o != nil {
			t.Errorf("before Sync there is %s", k)
		}
	}
	for _, d := range h.Drivers() {
		boom := errors.New("boom")
		d.FailSync(boom)
		if err := d.Sync(context.Background()); !errors.Is(err, boom) {
			t.Errorf("%s: %v", d.Name(), err)
		}
		d.FailSync(nil)
		if err := d.Sync(context.Background()); err != nil {
			t.Errorf("%s: %v", d.Name(), err)
		}
		if in := slices.Contains(inProcess, d.Kinds()[0]); d.InProcess() != in {
			t.Errorf("%s lives in the process: %v", d.Name(), !in)
		}
	}
	for k, there := range want {
		if seen := observe(t, h, k) != nil; seen != there {
			t.Errorf("after Sync %s is there: %v", k, seen)
		}
	}
}

func TestSilentAndLoudChanges(t *testing.T) {
	t.Parallel()
	h := furnished(t)
	d := driverOf(h, object.KindBridge)
	take := heard(t, d)
	altered := &object.Bridge{OwnerUID: "h", Name: "br-int", FailMode: "standalone"}
	h.AlterSilently(altered.Key(), altered)
	if e := take(); len(e.Keys) > 0 || len(altered.Diff(observe(t, h, altered.Key()))) == 0 {
		t.Errorf("a silent change is told: %+v", e)
	}
	h.Alter(altered)
	if e := take(); names(e.Keys) != "bridge/br-int" || len(altered.Diff(observe(t, h, altered.Key()))) > 0 {
		t.Errorf("a change is told as %+v", e)
	}
	w := object.Warning{Reason: object.WarnForeignSource, Message: "m"}
	h.Warn(altered.Key(), w)
	if e := take(); names(e.Keys) != "bridge/br-int" || !slices.Equal(d.Warnings(altered), []object.Warning{w}) {
		t.Errorf("a warning is told as %+v", e)
	}
	if h.Warn(altered.Key()); len(d.Warnings(altered)) != 0 {
		t.Error("the warning stays")
	}
	must(t, h, object.Change{Op: object.Delete, Observed: &object.Session{Device: "ps1", PeerDevice: "pw1"}})
	if e := take(); !slices.Equal(e.Devices, []string{"ps1", "pw1"}) {
		t.Errorf("removed patch ports are told as %+v", e)
	}
	if w := h.Writes(); w["ovs"] == 0 || w["dhcp"] != 1 {
		t.Errorf("writes are %v", w)
	}
}

func TestEventsWaitForTheirWatcher(t *testing.T) {
	t.Parallel()
	h := New()
	d := driverOf(h, object.KindLink)
	h.Plug("tap1")
	h.Plug("tap2")
	for _, want := range []int{2, 0} {
		ctx, cancel := context.WithCancel(context.Background())
		var told []string
		d.send(object.Event{Devices: []string{"last"}})
		if err := d.Watch(ctx, func(e object.Event) {
			told = append(told, e.Devices...)
			if slices.Contains(e.Devices, "last") {
				cancel()
			}
		}); err != nil {
			t.Error(err)
		}
		told = slices.Compact(told)
		if got := len(told) - 1; got != want || want > 0 && !slices.Equal(told, []string{"tap1", "tap2", "last"}) {
			t.Errorf("told are %v", told)
		}
	}
}
