package dhcp

import (
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// What a guest does is logged at most this often, because a guest must not fill the log.
const (
	noteInterval = time.Minute
	notesBurst   = 3
)

func (d *Driver) service(b packetsocket.Binding) (packetsocket.Service, error) {
	binding, ok := b.(*object.DHCPBinding)
	if !ok {
		return packetsocket.Service{}, fmt.Errorf("%T is not a DHCP binding", b)
	}
	if err := check(binding); err != nil {
		return packetsocket.Service{}, err
	}
	var notes *rate.Limiter // most guests need none
	return packetsocket.Service{
		Filter: filter(binding),
		Answer: func(received []byte, log *slog.Logger) [][]byte {
			o := Answer(binding, received)
			if o.Note != "" && notes == nil {
				notes = rate.NewLimiter(rate.Every(noteInterval), notesBurst)
			}
			if o.Note != "" && notes.Allow() {
				log.Warn(o.Note, "guest", binding.MAC)
			}
			for _, a := range o.Declined {
				d.hear(binding, a)
			}
			d.omit(binding, received, o.leftOut)
			return o.Frames
		},
	}, nil
}

// check refuses a binding from which no replies can be built.
func check(b *object.DHCPBinding) error {
	for i, l := range b.V4 {
		switch {
		case !l.Address.Is4():
			return fmt.Errorf("ipv4[%d].address %s: not an IPv4 address", i, l.Address)
		case !l.Server.Is4():
			return fmt.Errorf("ipv4[%d].server %s: not an IPv4 address", i, l.Server)
		case !l.Prefix.IsValid() || !l.Prefix.Addr().Is4():
			return fmt.Errorf("ipv4[%d].prefix %s: not an IPv4 network", i, l.Prefix)
		case l.Router.IsValid() && !l.Router.Is4():
			return fmt.Errorf("ipv4[%d].router %s: not an IPv4 address", i, l.Router)
		}
	}
	for i, a := range b.V6 {
		if !a.Is6() || a.Is4In6() {
			return fmt.Errorf("ipv6[%d] %s: not an IPv6 address", i, a)
		}
	}
	return nil
}
