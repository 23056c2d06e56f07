package scale

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// portState is when a port's status first said each state.
type portState struct{ placed, programmed time.Time }

// observer follows all keys and records when each was seen. Times are measured with this clock.
type observer struct {
	mu         sync.Mutex
	change     chan struct{} // closed and replaced at every batch
	err        error         // of following, once that has ended
	areas      map[string]Tally
	revisions  int
	ports      map[string]portState    // by project/name
	wired      map[etcdschema.Key]bool // ports in node configs
	placed     int
	programmed int
	control    etcdschema.ControlStatus
	written    time.Time   // when the controllers last wrote something
	asked      time.Time   // when people last wrote intent
	record     *Transcript // being recorded; nil when nothing is
}

func newObserver() *observer {
	return &observer{change: make(chan struct{}), areas: map[string]Tally{}, ports: map[string]portState{},
		wired: map[etcdschema.Key]bool{}}
}

// follow runs until ctx ends.
func (o *observer) follow(ctx context.Context, c *etcdschema.Client) error {
	err := c.Follow(ctx, []etcdschema.Prefix{etcdschema.AllPrefix()}, func(b etcdschema.Batch) error {
		now := time.Now()
		o.mu.Lock()
		defer o.mu.Unlock()
		var last int64
		for _, e := range b.Events {
			if e.ModRevision != last {
				o.revisions++
				last = e.ModRevision
			}
			o.note(e, now)
		}
		o.wake()
		return nil
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
	o.wake()
	return err
}

func (o *observer) wake() {
	close(o.change)
	o.change = make(chan struct{})
}

// note records one event. A value that cannot be decoded is counted as written and otherwise ignored.
func (o *observer) note(e etcdschema.Event, now time.Time) {
	area, _, _ := strings.Cut(e.Key.String(), "/")
	o.areas[area] = o.areas[area].plus(Tally{Keys: 1, Bytes: int64(len(e.Key.String()) + len(e.Value))})
	switch area {
	case "accepted", "claim", "desired", "status":
		o.written = now
	case "intent":
		o.asked = now
	}
	if o.record != nil && area != "actual" && area != "live" {
		o.record.note(area, e)
	}
	if e.Key == etcdschema.ControlStatusKey() && !e.Deleted {
		if s, err := etcdschema.Decode[etcdschema.ControlStatus](e.Value); err == nil {
			o.control = s
		}
		return
	}
	if _, k, head, ok := etcdschema.ParseDesired(e.Key); ok && !head && k.Kind == desired.KindPort {
		if e.Deleted {
			delete(o.wired, e.Key)
		} else {
			o.wired[e.Key] = true
		}
		return
	}
	if id, ok := etcdschema.ParseID(e.Key); ok && area == "status" && id.Kind == model.KindPort {
		o.noteStatus(id.Project+"/"+id.Name, e, now)
	}
}

func (o *observer) noteStatus(name string, e etcdschema.Event, now time.Time) {
	was, is := o.ports[name], portState{}
	if s, err := etcdschema.Decode[etcdschema.Status](e.Value); !e.Deleted && err == nil {
		is = stateOf(s, was, now)
	}
	o.placed += count(is.placed) - count(was.placed)
	o.programmed += count(is.programmed) - count(was.programmed)
	if e.Deleted {
		delete(o.ports, name)
	} else {
		o.ports[name] = is
	}
}

// stateOf is the state after a status. The port is placed if the status names a node and addresses. It is programmed if every node says
// so.
func stateOf(s etcdschema.Status, was portState, now time.Time) (is portState) {
	if len(s.Nodes) == 0 || len(s.Allocated.Addresses) == 0 {
		return is
	}
	is.placed = first(was.placed, now)
	for _, n := range s.Nodes {
		if !n.Programmed {
			return is
		}
	}
	is.programmed = first(was.programmed, now)
	return is
}

func first(was, now time.Time) time.Time {
	if was.IsZero() {
		return now
	}
	return was
}

func count(at time.Time) int {
	if at.IsZero() {
		return 0
	}
	return 1
}

// await waits until the condition holds. The condition is checked at every batch, under the lock.
func (o *observer) await(ctx context.Context, what string, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		o.mu.Lock()
		ok, change, err := holds(), o.change, o.err
		o.mu.Unlock()
		if ok {
			return nil
		}
		if err != nil {
			return fmt.Errorf("waited for %s: %w", what, err)
		}
		select {
		case <-change:
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w", what, ctx.Err())
		}
	}
}

func (o *observer) lastWrite() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.written
}

func (o *observer) lastIntent() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked
}

// state is that of a port, project/name.
func (o *observer) state(port string) portState {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ports[port]
}

// awaitPort waits until the port is programmed.
func (o *observer) awaitPort(ctx context.Context, port string) (portState, error) {
	err := o.await(ctx, "port "+port+" to be programmed", func() bool { return !o.ports[port].programmed.IsZero() })
	return o.state(port), err
}

// counts are numbers of ports: with a status, placed, programmed, in node configs.
func (o *observer) counts() (known, placed, programmed, wired int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.ports), o.placed, o.programmed, len(o.wired)
}
