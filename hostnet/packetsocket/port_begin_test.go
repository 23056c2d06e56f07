package packetsocket

import (
	"log/slog"
	"slices"
	"sync"
	"testing"

	"weft/hostnet/object"
)

// lives records when servers of devices begin and end.
type lives struct {
	mu     sync.Mutex
	events []string
}

func (l *lives) note(event string) { l.mu.Lock(); l.events = append(l.events, event); l.mu.Unlock() }

func (l *lives) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	events := l.events
	l.events = nil
	return events
}

// livesDriver makes a driver whose servers tell when they begin and end, and answer every frame.
func livesDriver(t *testing.T, limit Limit) (*PortDriver, *lives, map[string]*pipe) {
	l, pipes := &lives{}, map[string]*pipe{}
	d := NewPortDriver(PortConfig{
		Name: "lives", Kind: object.KindRABinding, Logger: slog.New(slog.DiscardHandler),
		Open: func(device string, _ Filter, r Receiver) (Transport, error) {
			pipes[device] = newPipe(r)
			if got := r.Frame([]byte("early")); got != nil {
				t.Errorf("a frame before the beginning was answered: %q", got)
			}
			return pipes[device], nil
		},
		Service: func(b Binding) (Service, error) {
			device := b.(*object.RABinding).Device
			return Service{Limit: limit,
				Begin: func(s Sender) {
					if err := s.Send([]byte("begun")); err != nil {
						t.Error(err)
					}
					l.note("begin " + device)
				},
				Answer: func(f []byte, _ *slog.Logger) [][]byte { return [][]byte{slices.Clone(f)} }}, nil
		},
		Ended: func(device string) { l.note("end " + device) },
	})
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, l, pipes
}

// TestServersBeginAndEndOnce: Begin gets what sends to the guest. Ended is called for whatever reason the server ends, and not when its
// binding changes.
func TestServersBeginAndEndOnce(t *testing.T) {
	t.Parallel()
	d, l, pipes := livesDriver(t, Limit{})
	apply := func(op object.Op, o *object.RABinding, want ...string) {
		t.Helper()
		c := object.Change{Op: op, Desired: o}
		if op == object.Delete {
			c = object.Change{Op: op, Observed: o}
		}
		if err := d.Apply(t.Context(), []object.Change{c})[0]; err != nil {
			t.Fatal(err)
		}
		if got := l.take(); !slices.Equal(got, want) {
			t.Errorf("%s %s: %v, want %v", op, o.Device, got, want)
		}
	}
	apply(object.Create, echo("tap1", "one"), "begin tap1")
	if got := string(<-pipes["tap1"].out); got != "begun" {
		t.Errorf("sent %q", got)
	}
	apply(object.Update, echo("tap1", "two"))
	apply(object.Delete, echo("tap1", "two"), "end tap1")
	apply(object.Delete, echo("tap1", "two"))
	apply(object.Create, echo("tap1", "one"), "begin tap1")
	pipes["tap1"].kill()
	apply(object.Create, echo("tap1", "one"), "end tap1", "begin tap1") // on a device that was made again
	pipes["tap1"].receiver.Lost()
	apply(object.Create, echo("tap2", "one"), "end tap1", "begin tap2")
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if got := l.take(); !slices.Equal(got, []string{"end tap2"}) {
		t.Errorf("closed: %v", got)
	}
}

// TestLimitOfAServer: a server has the token bucket that it asks for.
func TestLimitOfAServer(t *testing.T) {
	t.Parallel()
	d, _, pipes := livesDriver(t, Limit{PerSecond: 1, Burst: 3})
	if err := d.Apply(t.Context(), []object.Change{{Op: object.Create, Desired: echo("tap1", "one")}})[0]; err != nil {
		t.Fatal(err)
	}
	answered := 0
	for range 50 {
		answered += len(pipes["tap1"].receiver.Frame([]byte("x")))
	}
	if answered < 3 || answered > 5 { // the bucket fills meanwhile
		t.Errorf("%d of 50 frames were read, want those of the bucket", answered)
	}
}
