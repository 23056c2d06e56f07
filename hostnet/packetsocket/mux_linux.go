package packetsocket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// Mux is the one packet socket of all servers of a host for all guests. README.md says why there is only one. One goroutine
// passes every frame to the servers that have opened its device. A frame of a device that nobody opened costs one look-up.
type Mux struct {
	socket *packetSocket
	log    *slog.Logger
	stop   context.CancelFunc // ends the watch for removed devices
	wait   sync.WaitGroup

	mu      sync.Mutex
	places  map[int][]*place // by the device's index
	rules   ruleSet
	floods  floodMeter
	counted Stats
}

// Stats counts what an Mux has received since it was opened.
type Stats struct {
	Frames   uint64 // received
	Unserved uint64 // on a device that nobody serves
	Overruns uint64 // lost by the kernel because the receive buffer was full
	Floods   uint64 // times that a port was shut out
}

// place is one server's Transport on a device.
type place struct {
	x        *Mux
	device   string
	index    int
	filter   Filter
	receiver Receiver
}

// OpenMux opens the socket in the calling thread's network namespace. If log is nil, slog.Default is used. Close ends the
// Mux; call it after the drivers that use it are closed.
func OpenMux(log *slog.Logger) (*Mux, error) {
	if log == nil {
		log = slog.Default()
	}
	socket, err := openPacketSocket()
	if err != nil {
		return nil, fmt.Errorf("the guests' packet socket: %w", err)
	}
	x := &Mux{
		socket: socket, log: log.With("server", "frame"),
		places: map[int][]*place{}, rules: newRuleSet(), floods: newFloodMeter(),
	}
	links, err := openLinkWatch(x.log, x.tellRemoved)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watch for removed devices: %w", err), socket.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	x.stop = stop
	x.wait.Go(x.receive)
	x.wait.Go(func() {
		if err := links.run(ctx); err != nil {
			x.log.Error("removed devices are not noticed any more", "error", err)
		}
	})
	return x, nil
}

// Close ends the goroutines and waits for them.
func (x *Mux) Close() error {
	x.stop()
	err := x.socket.Close()
	x.wait.Wait()
	return err
}

// Stats returns the present counts.
func (x *Mux) Stats() Stats {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.counted
}

// Open is the Opener for netdevs in the Mux's network namespace.
func (x *Mux) Open(device string, f Filter, r Receiver) (Transport, error) {
	index, err := x.socket.indexOf(device)
	if err != nil {
		return nil, fmt.Errorf("device %s: find its index: %w", device, err)
	}
	p := &place{x, device, index, f, r}
	x.mu.Lock()
	defer x.mu.Unlock()
	var changed bool
	if p.filter, changed = x.rules.add(f); changed {
		if err := x.attach(); err != nil {
			x.rules.remove(f)
			return nil, fmt.Errorf("device %s: widen the filter: %w", device, err)
		}
	}
	x.places[index] = append(x.places[index], p)
	if !p.Alive() { // it was removed meanwhile; that may have been told before the place existed
		return nil, errors.Join(fmt.Errorf("device %s: was removed while it was opened", device), x.close(p))
	}
	return p, nil
}

// OpenSender opens devices that are only sent to, in the Mux's network namespace. They share its socket.
func (x *Mux) OpenSender(device string) (Sender, error) {
	index, err := x.socket.indexOf(device)
	if err != nil {
		return nil, fmt.Errorf("device %s: find its index: %w", device, err)
	}
	return &place{x: x, device: device, index: index}, nil
}

// attach sets the kernel's filter to the present rules. The lock is held.
func (x *Mux) attach() error {
	raw, err := assemble(x.rules.list(), x.floods.shut())
	if err != nil {
		return err
	}
	return x.socket.setFilter(raw)
}

// Send implements Transport.
func (p *place) Send(frame []byte) error {
	if len(frame) < ethernetSize {
		return fmt.Errorf("device %s: a frame of %d bytes has no Ethernet header", p.device, len(frame))
	}
	return p.x.socket.sendTo(p.index, frame)
}

// SetFilter implements Transport.
func (p *place) SetFilter(f Filter) error {
	x := p.x
	x.mu.Lock()
	defer x.mu.Unlock()
	kept, wider := x.rules.add(f)
	narrower := x.rules.remove(p.filter)
	p.filter = kept
	if wider || narrower {
		return x.attach()
	}
	return nil
}

// Alive implements Transport.
func (p *place) Alive() bool {
	index, err := p.x.socket.indexOf(p.device)
	return err == nil && index == p.index
}

// Close implements Transport. A second call does nothing.
func (p *place) Close() error {
	p.x.mu.Lock()
	defer p.x.mu.Unlock()
	return p.x.close(p)
}

// close removes the place and the rules that only it needed. The lock is held.
func (x *Mux) close(p *place) error {
	all := x.places[p.index]
	i := slices.Index(all, p)
	if i < 0 {
		return nil
	}
	x.places[p.index] = slices.Delete(all, i, i+1)
	if len(all) == 1 {
		delete(x.places, p.index)
	}
	if x.rules.remove(p.filter) {
		return x.attach()
	}
	return nil
}

// tellRemoved tells the servers of the device with this index that it was removed. With index 0 it checks all devices.
func (x *Mux) tellRemoved(index int) {
	for _, p := range x.removed(index) {
		p.receiver.Lost()
	}
}

// removed lists the places on the device with this index that was removed. With index 0 it checks all devices.
func (x *Mux) removed(index int) []*place {
	x.mu.Lock()
	defer x.mu.Unlock()
	var places, gone []*place
	if index != 0 {
		places = x.places[index]
	} else {
		places = slices.Concat(slices.Collect(maps.Values(x.places))...)
	}
	for _, p := range places {
		if !p.Alive() {
			gone = append(gone, p)
		}
	}
	return gone
}

// receive passes on frames until the socket is closed.
func (x *Mux) receive() {
	buf := make([]byte, receiveSize)
	for {
		err := x.socket.receive(buf, x.tick(time.Now()), x.deliver)
		if err != nil {
			return // closed
		}
	}
}

// deliver passes one frame of the device with this index to its servers.
func (x *Mux) deliver(index int, frame []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.counted.Frames++
	flood, started := x.floods.count(index, time.Now())
	if started {
		x.counted.Floods++
		if err := x.attach(); err != nil {
			x.log.Error("cannot shut out a device that floods", "index", index, "error", err)
		}
	}
	if flood.first {
		x.log.Warn("a guest floods its port: its frames are not served for some seconds", "device", x.name(index), "index", index)
	}
	if flood.shut {
		return
	}
	places := x.places[index]
	if len(places) == 0 {
		x.counted.Unserved++
	}
	for _, p := range places {
		if !p.filter.Passes(frame) {
			continue // another server wants it
		}
		for _, answer := range p.receiver.Frame(frame) {
			if err := p.Send(answer); err != nil {
				// A guest whose device is down or full asks again. Nobody else needs the error.
				x.log.Debug("answer not sent", "device", p.device, "error", err)
			}
		}
	}
}

// name is the served device's name. It is "" if the device is not served. The lock is held.
func (x *Mux) name(index int) string {
	if all := x.places[index]; len(all) > 0 {
		return all[0].device
	}
	return ""
}

// tick does what is due and returns when something is due next. A zero time means: not before the next frame.
func (x *Mux) tick(now time.Time) time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	next, readmitted, due := x.floods.tick(now)
	if readmitted {
		if err := x.attach(); err != nil {
			x.log.Error("cannot let in again the devices that flooded: their frames are still not served", "error", err)
		}
	}
	if due {
		if lost := x.socket.overruns(); lost > 0 {
			x.counted.Overruns += lost
			x.log.Warn("lost frames of guests: more arrived than the receive buffer holds", "lost", lost)
		}
	}
	return next
}
