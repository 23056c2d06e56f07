package announce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// The rate of all ports' frames together. A thousand ports that become active at once are announced within a few seconds. They
// use a fraction of a percent of a link.
const (
	framesPerSecond = 2000
	framesBurst     = 200
)

// Opener opens a device for sending.
type Opener func(device string) (packetsocket.Sender, error)

// Driver implements the engine's driver for object.KindAnnouncement. It observes what it has announced since the process started,
// as long as the uplink is still the device that it was announced by.
type Driver struct {
	open Opener
	log  *slog.Logger
	done chan struct{}
	stop context.CancelFunc

	mu      sync.Mutex
	entries map[object.Key]*entry
	senders map[string]packetsocket.Sender // of uplinks
	heard   listeners
	uplinks queue
	local   queue
	woken   chan struct{} // holds one token if the queues got an item
}

// entry is one announcement. It is never changed: a change makes a new entry. Its frames are made whenever they are sent, because most
// entries are never sent again.
type entry struct {
	announcement *object.Announcement
	sender       packetsocket.Sender // of the uplink; nil if there is none
}

// alive says that the entry was sent by the uplink that exists now.
func (e *entry) alive() bool { return e.sender == nil || e.sender.Alive() }

// New makes a driver that announces nothing yet, and starts its pacing goroutine. open opens an uplink once, and a device of this
// host for each sending. It is packetsocket.Mux's OpenSender, whose devices cost nothing to open. If it is nil, packetsocket.OpenSender is
// used. Close ends the driver.
func New(open Opener, log *slog.Logger) *Driver {
	if open == nil {
		open = packetsocket.OpenSender
	}
	if log == nil {
		log = slog.Default()
	}
	ctx, cancel := context.WithCancel(context.Background())
	d := &Driver{
		open: open, log: log.With("server", "announce"), done: make(chan struct{}), stop: cancel,
		entries: map[object.Key]*entry{}, senders: map[string]packetsocket.Sender{}, heard: listeners{},
		woken: make(chan struct{}, 1),
	}
	go func() {
		defer close(d.done)
		d.pace(ctx)
	}()
	return d
}

// Close ends the goroutine, waits for it and closes the sockets.
func (d *Driver) Close() error {
	d.stop()
	<-d.done
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for device, s := range d.senders {
		errs = append(errs, s.Close())
		delete(d.senders, device)
	}
	return errors.Join(errs...)
}

// Name implements the engine's driver.
func (d *Driver) Name() string { return "announce" }

// Kinds implements the engine's driver.
func (d *Driver) Kinds() []object.Kind { return []object.Kind{object.KindAnnouncement} }

// InProcess says that what the driver holds exists only in this process. Creating it again after a restart writes nothing to the
// host.
func (d *Driver) InProcess() bool { return true }

// Sync has nothing to read, because the driver itself is the state.
func (d *Driver) Sync(context.Context) error { return nil }

// Observe returns what was announced by an uplink that is still the same device.
func (d *Driver) Observe(_ context.Context, keys []object.Key) ([]object.Object, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := make([]object.Object, 0, len(keys))
	for _, k := range keys {
		if e, ok := d.entries[k]; ok && e.alive() {
			found = append(found, e.announcement)
		}
	}
	return found, nil
}

// Ours lists everything that was announced.
func (d *Driver) Ours(context.Context) ([]object.Key, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	keys := make([]object.Key, 0, len(d.entries))
	for k := range d.entries {
		keys = append(keys, k)
	}
	return keys, nil
}

// Apply queues announcements and forgets those that are not desired any more. It does not wait until they are sent. Without them
// the port works too, only later.
func (d *Driver) Apply(_ context.Context, changes []object.Change) []error {
	errs := make([]error, len(changes))
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, c := range changes {
		if c.Op == object.Delete {
			d.drop(c.Key())
			continue
		}
		if err := d.announce(c); err != nil {
			errs[i] = fmt.Errorf("%s: %w", c.Key(), err)
		}
	}
	return errs
}

// announce makes the entry and queues it. The lock is held.
func (d *Driver) announce(c object.Change) error {
	a, ok := c.Desired.(*object.Announcement)
	if !ok {
		return fmt.Errorf("%T is not an announcement", c.Desired)
	}
	if _, err := Frames(a); err != nil {
		return err
	}
	e := &entry{announcement: a}
	if a.Device != "" {
		var err error
		if e.sender, err = d.sender(a.Device); err != nil {
			return err
		}
	}
	d.drop(c.Key())
	d.entries[c.Key()] = e
	d.heard.add(a)
	now := time.Now()
	if e.sender != nil {
		d.uplinks.add(e, now)
	}
	if len(a.Addresses) > 0 {
		d.local.add(e, now)
	}
	select {
	case d.woken <- struct{}{}:
	default:
	}
	return nil
}

// drop forgets an entry. The lock is held.
func (d *Driver) drop(k object.Key) {
	if old, ok := d.entries[k]; ok {
		d.heard.remove(old.announcement)
		delete(d.entries, k)
	}
}

// sender is the open socket of the device. It is opened again if the device was made again. The lock is held.
func (d *Driver) sender(device string) (packetsocket.Sender, error) {
	if s, ok := d.senders[device]; ok {
		if s.Alive() {
			return s, nil
		}
		delete(d.senders, device)
		if err := s.Close(); err != nil {
			d.log.Debug("cannot close the socket of a lost uplink", "device", device, "error", err)
		}
	}
	s, err := d.open(device)
	if err != nil {
		return nil, err
	}
	d.senders[device] = s
	return s, nil
}

// Watch has nothing to report, because rtnl reports an uplink that was made again.
func (d *Driver) Watch(ctx context.Context, _ func(object.Event)) error {
	<-ctx.Done()
	return nil
}

// pace sends what is due until ctx ends.
func (d *Driver) pace(ctx context.Context) {
	limit := rate.NewLimiter(framesPerSecond, framesBurst)
	for {
		s, wait := d.next()
		if s.entry == nil {
			if !d.sleep(ctx, wait) {
				return
			}
			continue
		}
		frames, err := s.frames()
		if err != nil { // Apply has made them, and found no error
			d.log.Debug("announcement not sent", "owner", s.announcement.OwnerUID, "error", err)
			continue
		}
		if s.sender != nil && !d.send(ctx, limit, s.entry, s.sender, frames) {
			return
		}
		for _, device := range s.devices {
			if !d.tell(ctx, limit, s.entry, device, frames) {
				return
			}
		}
	}
}

// tell sends an entry out of one device of this host. If the device does not exist any more, there is nobody to tell.
func (d *Driver) tell(ctx context.Context, limit *rate.Limiter, e *entry, device string, frames [][]byte) bool {
	s, err := d.open(device)
	if err != nil {
		d.log.Debug("announcement not sent", "owner", e.announcement.OwnerUID, "device", device, "error", err)
		return true
	}
	goOn := d.send(ctx, limit, e, s, frames)
	if err := s.Close(); err != nil {
		d.log.Debug("cannot close a socket", "device", device, "error", err)
	}
	return goOn
}

// send sends frames at the common rate. It says whether to continue.
func (d *Driver) send(ctx context.Context, limit *rate.Limiter, e *entry, s packetsocket.Sender, frames [][]byte) bool {
	for _, f := range frames {
		if limit.Wait(ctx) != nil {
			return false
		}
		if err := s.Send(f); err != nil {
			d.log.Debug("announcement not sent", "owner", e.announcement.OwnerUID, "uplink", e.announcement.Device, "error", err)
			return true
		}
	}
	return true
}

// sending is what is due: an entry for its uplink, or for devices of this host.
type sending struct {
	*entry
	sender  packetsocket.Sender
	devices []string
}

// frames are what is sent: tagged for the uplink, untagged for devices of this host.
func (s sending) frames() ([][]byte, error) {
	if s.sender != nil {
		return Frames(s.announcement)
	}
	return untagged(s.announcement)
}

// next takes the next entry that is still valid. Entries for uplinks come first.
func (d *Driver) next() (s sending, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	e, wait := d.standing(&d.uplinks, now)
	if e != nil {
		return sending{entry: e, sender: e.sender}, 0
	}
	e, later := d.standing(&d.local, now)
	if e != nil {
		return sending{entry: e, devices: d.heard.of(e.announcement)}, 0
	}
	if wait == 0 || later > 0 && later < wait {
		wait = later
	}
	return sending{}, wait
}

// standing takes the next entry of the queue that is still valid. The lock is held.
func (d *Driver) standing(q *queue, now time.Time) (*entry, time.Duration) {
	for {
		e, wait := q.next(now)
		if e == nil || d.entries[e.announcement.Key()] == e {
			return e, wait
		}
	}
}

// sleep waits for something new, or until the time is over if it is not 0. It says whether to continue.
func (d *Driver) sleep(ctx context.Context, wait time.Duration) bool {
	var timer <-chan time.Time
	if wait > 0 {
		timer = time.After(wait)
	}
	select {
	case <-ctx.Done():
		return false
	case <-d.woken:
	case <-timer:
	}
	return true
}
