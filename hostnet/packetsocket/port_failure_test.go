package packetsocket

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"weft/hostnet/object"
)

// stubborn is a pipe that refuses filters, or does not send.
type stubborn struct {
	*pipe
	filter, send error
}

func (s stubborn) SetFilter(f Filter) error {
	if s.filter != nil {
		return s.filter
	}
	return s.pipe.SetFilter(f)
}

func (s stubborn) Send(f []byte) error {
	if s.send != nil {
		return s.send
	}
	return s.pipe.Send(f)
}

// TestPortDriverFailsAlone: what fails on one device is that binding's error, with its key, and the others are served.
func TestPortDriverFailsAlone(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	b := newBench(t, true)
	open := b.open
	b.open = func(device string, f Filter, r Receiver) (Transport, error) {
		p, err := open(device, f, r)
		switch device {
		case "shut":
			return nil, errors.Join(boom, p.Close())
		case "fixed":
			return stubborn{p.(*pipe), boom, nil}, err
		case "mute":
			return stubborn{p.(*pipe), nil, boom}, err
		}
		return p, err
	}
	if b.Name() != "echo" || !b.InProcess() || !slices.Equal(b.Kinds(), []object.Kind{object.KindRABinding}) || b.Sync(t.Context()) != nil {
		t.Errorf("the driver is %s for %v", b.Name(), b.Kinds())
	}
	var changes []object.Change
	for _, device := range []string{"shut", "fixed", "mute", "tap1"} {
		changes = append(changes, object.Change{Op: object.Create, Desired: echo(device, "one")})
	}
	for i, err := range b.Apply(t.Context(), changes) {
		if (err != nil) != (i == 0) || i == 0 && (!errors.Is(err, boom) || !strings.HasPrefix(err.Error(), "ra-binding/shut: ")) {
			t.Errorf("%s: %v", changes[i].Key(), err)
		}
	}
	if keys, _ := b.Ours(t.Context()); len(keys) != 3 || b.observed("shut") != "" {
		t.Errorf("ours are %v", keys)
	}
	if err := b.apply(object.Update, echo("fixed", "two")); !errors.Is(err, boom) || !strings.Contains(err.Error(), "change the filter") {
		t.Errorf("a filter that cannot be changed: %v", err)
	}
	if got := b.observed("fixed"); got != "one" {
		t.Errorf("a binding whose filter could not be changed is observed as %q", got)
	}
	b.ask(b.pipes["fixed"], "ping ", "ping one")
	other := object.Key{Kind: object.KindDHCPBinding, Name: "tap1"}
	if got, err := b.Observe(t.Context(), []object.Key{other}); err != nil || len(got) != 0 {
		t.Errorf("of another kind: %v, %v", got, err)
	}
}

// TestPortDriverNeedsNoLoggerAndNobodyToTell: both may be left out.
func TestPortDriverNeedsNoLoggerAndNobodyToTell(t *testing.T) {
	t.Parallel()
	d := NewPortDriver(PortConfig{Name: "echo", Kind: object.KindRABinding, Open: func(string, Filter, Receiver) (Transport, error) { return newPipe(Receiver{}), nil },
		Service: func(Binding) (Service, error) {
			return Service{Answer: func([]byte, *slog.Logger) [][]byte { return nil }}, nil
		}})
	b := echo("tap1", "one")
	for _, c := range []object.Change{{Op: object.Delete, Observed: b}, {Op: object.Create, Desired: b}} {
		if err := d.Apply(t.Context(), []object.Change{c})[0]; err != nil {
			t.Error(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if keys, _ := d.Ours(t.Context()); len(keys) != 0 {
		t.Errorf("closed, and ours are %v", keys)
	}
}
