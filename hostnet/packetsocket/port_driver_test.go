package packetsocket

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"weft/hostnet/object"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipe is a Transport in memory.
type pipe struct {
	receiver Receiver
	out      chan []byte
	closed   chan struct{}
	once     sync.Once

	mu      sync.Mutex
	dead    bool
	filters []Filter
}

func newPipe(r Receiver) *pipe {
	return &pipe{receiver: r, out: make(chan []byte, 1000), closed: make(chan struct{})}
}

// hear passes on a frame as if the guest had sent it.
func (p *pipe) hear(f string) {
	for _, answer := range p.receiver.Frame([]byte(f)) {
		p.out <- answer
	}
}

func (p *pipe) Send(f []byte) error { p.out <- slices.Clone(f); return nil }

func (p *pipe) SetFilter(f Filter) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.filters = append(p.filters, f)
	return nil
}

func (p *pipe) Alive() bool { p.mu.Lock(); defer p.mu.Unlock(); return !p.dead }

func (p *pipe) kill() { p.mu.Lock(); defer p.mu.Unlock(); p.dead = true }

func (p *pipe) Close() error { p.once.Do(func() { close(p.closed) }); return nil }

// bench is a driver of echo servers. Each answers a frame with the frame itself and its binding's domain.
type bench struct {
	*PortDriver
	t      *testing.T
	pipes  map[string]*pipe
	opened int
	events chan object.Event
	sent   chan int // the arguments of Interval
}

func newBench(t *testing.T, unsolicited bool) *bench {
	b := &bench{t: t, pipes: map[string]*pipe{}, events: make(chan object.Event, 10), sent: make(chan int, 10000)}
	b.PortDriver = NewPortDriver(PortConfig{
		Name: "echo", Kind: object.KindRABinding, Logger: slog.New(slog.DiscardHandler),
		Open: func(device string, _ Filter, r Receiver) (Transport, error) {
			b.opened++
			b.pipes[device] = newPipe(r)
			return b.pipes[device], nil
		},
		Service: func(o Binding) (Service, error) {
			domain := o.(*object.RABinding).Domain
			if domain == "bad" {
				return Service{}, errors.New("refused")
			}
			s := Service{Answer: func(f []byte, _ *slog.Logger) [][]byte { return [][]byte{append(slices.Clone(f), domain...)} }}
			if unsolicited {
				s.Unsolicited = func() [][]byte { return [][]byte{[]byte("hello from " + domain)} }
				s.Interval = func(sent int) time.Duration {
					b.sent <- sent
					return time.Millisecond
				}
			}
			return s, nil
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Watch(ctx, func(e object.Event) { b.events <- e }) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, b.Close()); err != nil {
			t.Error(err)
		}
	})
	return b
}

func echo(device, domain string) *object.RABinding {
	return &object.RABinding{Device: device, Domain: domain}
}

func (b *bench) apply(op object.Op, o *object.RABinding) error {
	c := object.Change{Op: op, Desired: o}
	if op == object.Delete {
		c = object.Change{Op: op, Observed: o}
	}
	return b.Apply(b.t.Context(), []object.Change{c})[0]
}

func (b *bench) observed(device string) string {
	b.t.Helper()
	got, err := b.Observe(b.t.Context(), []object.Key{{Kind: object.KindRABinding, Name: device}})
	if err != nil {
		b.t.Fatal(err)
	}
	if len(got) == 0 {
		return ""
	}
	return got[0].(*object.RABinding).Domain
}

func (b *bench) ask(p *pipe, question, want string) {
	b.t.Helper()
	p.hear(question)
	for got := range p.out {
		if string(got) == want {
			return
		}
		if string(got[:min(5, len(got))]) != "hello" {
			b.t.Fatalf("answer %q, want %q", got, want)
		}
	}
}

func TestPortDriverServesAndChangesWithoutAGap(t *testing.T) {
	t.Parallel()
	b := newBench(t, false)
	if err := b.apply(object.Create, echo("tap1", "one")); err != nil {
		t.Fatal(err)
	}
	p := b.pipes["tap1"]
	b.ask(p, "ping ", "ping one")
	if err := b.apply(object.Update, echo("tap1", "two")); err != nil {
		t.Fatal(err)
	}
	b.ask(p, "ping ", "ping two")
	if b.opened != 1 || b.observed("tap1") != "two" || len(p.filters) != 1 {
		t.Errorf("opened %d times, observed %q, filter changed %d times", b.opened, b.observed("tap1"), len(p.filters))
	}
	if err := b.apply(object.Update, echo("tap1", "bad")); err == nil || b.observed("tap1") != "two" {
		t.Errorf("a bad binding: err %v, observed %q; want the old one to go on", err, b.observed("tap1"))
	}
	if keys, _ := b.Ours(t.Context()); len(keys) != 1 {
		t.Errorf("ours: %v", keys)
	}
	if err := b.apply(object.Delete, echo("tap1", "two")); err != nil {
		t.Fatal(err)
	}
	<-p.closed
	if keys, _ := b.Ours(t.Context()); len(keys) != 0 || b.observed("tap1") != "" {
		t.Errorf("after the delete, ours: %v, observed %q", keys, b.observed("tap1"))
	}
	if err := b.apply(object.Delete, echo("tap1", "two")); err != nil {
		t.Errorf("a second delete: %v", err)
	}
}

func TestPortDriverReportsALostDevice(t *testing.T) {
	t.Parallel()
	b := newBench(t, false)
	if err := b.apply(object.Create, echo("tap1", "one")); err != nil {
		t.Fatal(err)
	}
	p := b.pipes["tap1"]
	p.kill()
	if got := b.observed("tap1"); got != "" {
		t.Errorf("a binding on a device that is gone was observed as %q", got)
	}
	p.receiver.Lost()
	e := <-b.events
	if want := (object.Key{Kind: object.KindRABinding, Name: "tap1"}); len(e.Keys) != 1 || e.Keys[0] != want {
		t.Errorf("event %+v, want %s", e, want)
	}
	<-p.closed
	if err := b.apply(object.Create, echo("tap1", "one")); err != nil {
		t.Fatal(err)
	}
	b.ask(b.pipes["tap1"], "ping ", "ping one")
}

func TestPortDriverReopensBeforeItIsTold(t *testing.T) {
	t.Parallel()
	b := newBench(t, false)
	if err := b.apply(object.Create, echo("tap1", "one")); err != nil {
		t.Fatal(err)
	}
	old := b.pipes["tap1"]
	old.kill()
	if err := b.apply(object.Create, echo("tap1", "one")); err != nil {
		t.Fatal(err)
	}
	<-old.closed
	if b.opened != 2 || b.observed("tap1") != "one" {
		t.Errorf("opened %d times, observed %q", b.opened, b.observed("tap1"))
	}
	b.ask(b.pipes["tap1"], "ping ", "ping one")
}

func TestPortDriverSpeaksUnasked(t *testing.T) {
	t.Parallel()
	b := newBench(t, true)
	if err := b.apply(object.Create, echo("tap1", "one")); err != nil {
		t.Fatal(err)
	}
	p := b.pipes["tap1"]
	for range 3 { // at the beginning and again after each interval
		if got := string(<-p.out); got != "hello from one" {
			t.Fatalf("sent %q", got)
		}
	}
	if err := b.apply(object.Update, echo("tap1", "two")); err != nil {
		t.Fatal(err)
	}
	for string(<-p.out) != "hello from two" {
	}
	last := 0
	for n := range b.sent { // counted from the beginning, and from the change on
		if n == 1 && last > 0 {
			break
		}
		if n != last+1 {
			t.Fatalf("the interval was asked after %d times and then after %d", last, n)
		}
		last = n
	}
	b.ask(p, "ping ", "ping two") // answers go on in between
}

func TestPortDriverTellsWhatDevicesAreGone(t *testing.T) {
	t.Parallel()
	var gone []string
	b := newBench(t, false)
	b.gone = func(device string) { gone = append(gone, device) }
	for _, device := range []string{"tap1", "tap2"} {
		if err := b.apply(object.Create, echo(device, "one")); err != nil {
			t.Fatal(err)
		}
	}
	b.pipes["tap2"].kill()
	for _, device := range []string{"tap1", "tap2", "tap3"} {
		if err := b.apply(object.Delete, echo(device, "one")); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"tap2", "tap3"}; !slices.Equal(gone, want) {
		t.Errorf("gone: %v, want %v", gone, want)
	}
}

func TestPortDriverBoundsAFlood(t *testing.T) {
	t.Parallel()
	b := newBench(t, false)
	if err := b.apply(object.Create, echo("tap1", "one")); err != nil {
		t.Fatal(err)
	}
	p := b.pipes["tap1"]
	begin := time.Now()
	for range 200 {
		p.hear("x")
	}
	most := framesBurst + int(time.Since(begin).Seconds()*framesPerSecond) + 1
	if got := len(p.out); got < framesBurst || got > most {
		t.Errorf("%d answers, %d to %d were due", got, framesBurst, most)
	}
}
