// Package ra advertises to each guest, on its own port, what it should know of its network (RFC 4861): that addresses come from
// DHCPv6, which prefixes are on the link, its MTU, DNS and the default router.
//
// Invariants:
//   - What is advertised depends only on the binding and on what the guest was told before.
//   - The advertiser is a default router only if the binding names one: a router of ours, or the link-local address of another. It then
//     uses that router's addresses. Otherwise the router lifetime is 0.
//   - No address is made from its prefixes (A=0).
//   - What is not true any more is withdrawn, with lifetime 0 and from the link-local address that told it, for as long as the
//     guest could believe it.
//   - A solicitation is answered at once and to all nodes, because there is only one node on a port. The rate is the one that
//     package frame allows a port.
package ra

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"time"

	"weft/hostnet/object"
	"weft/hostnet/packetsocket"
)

// The interval of unsolicited advertisements is drawn between these (RFC 4861 section 6.2.1), so that a thousand ports do not
// send at once.
const (
	minInterval = 200 * time.Second
	maxInterval = 600 * time.Second
)

// The first advertisements after a change come sooner. There are MAX_INITIAL_RTR_ADVERTISEMENTS of them, at most
// MAX_INITIAL_RTR_ADVERT_INTERVAL apart (RFC 4861 section 6.2.4) and at least MIN_DELAY_BETWEEN_RAS.
const (
	initialAdvertisements = 3
	minInitialInterval    = 3 * time.Second
	maxInitialInterval    = 16 * time.Second
)

// factLifetime is the shortest time for which a guest believes what it was told, even if leases are shorter. Guests lose nothing
// if weftd is away for days, and what becomes wrong is withdrawn.
const factLifetime = 7 * 24 * time.Hour

// maxRouterLifetime is the largest value of the header's 16 bits. RFC 8319 allows all of it. A host that reads the route option
// keeps the router for factLifetime.
const maxRouterLifetime = 65535 * time.Second

// routerSolicitation is the ICMPv6 type of a router solicitation (RFC 4861 section 4.1).
const routerSolicitation uint8 = 133

// solicitationSize is the size of a router solicitation in bytes, without options.
const solicitationSize = 8

// discoveryHopLimit proves that a neighbour discovery message crossed no router (RFC 4861 section 6.1.1).
const discoveryHopLimit = 255

// minMTU is the smallest MTU of an IPv6 link (RFC 8200 section 5).
const minMTU = 1280

// Config makes the driver.
type Config struct {
	Open packetsocket.Opener // opens the transports of ports; for netdevs packetsocket.Mux's Open
	// StateDir is where it is kept what guests were told, in a directory "ra". If it is empty, nothing is kept.
	StateDir string
	Logger   *slog.Logger // slog.Default when nil
}

// New makes the driver of object.KindRABinding, in the calling thread's network namespace. It serves nothing yet. Close ends it.
func New(c Config) *packetsocket.PortDriver {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	dir := ""
	if c.StateDir != "" {
		dir = filepath.Join(c.StateDir, "ra")
	}
	a := advertiser{memory: openMemory(dir, c.Logger), now: time.Now}
	return packetsocket.NewPortDriver(packetsocket.PortConfig{
		Name: "ra", Kind: object.KindRABinding, Open: c.Open, Service: a.service, Gone: a.memory.forget, Logger: c.Logger,
	})
}

// advertiser makes services and remembers what they tell.
type advertiser struct {
	memory *memory
	now    func() time.Time
}

func (a advertiser) service(b packetsocket.Binding) (packetsocket.Service, error) {
	binding, ok := b.(*object.RABinding)
	if !ok {
		return packetsocket.Service{}, fmt.Errorf("%T is not an RA binding", b)
	}
	s, err := state(binding)
	if err != nil {
		return packetsocket.Service{}, err
	}
	promises := s.renew(a.memory.of(binding.Device, binding.OwnerUID), a.now())
	a.memory.keep(binding.Device, record{binding.OwnerUID, promises})
	return a.advertise(binding, s, promises), nil
}

// advertise serves the statement. It adds the withdrawals for as long as anybody may believe what they withdraw.
func (a advertiser) advertise(b *object.RABinding, s statement, promises []promise) packetsocket.Service {
	withdrawals, until := s.withdraw(promises)
	plain, whole := s.frames(b.MTU, nil), s.frames(b.MTU, withdrawals)
	if len(whole) == 0 {
		return packetsocket.Service{Answer: func([]byte, *slog.Logger) [][]byte { return nil }}
	}
	frames := func() [][]byte {
		if a.now().Before(until) {
			return whole
		}
		return plain
	}
	return packetsocket.Service{
		Filter: packetsocket.Filter{Rules: []packetsocket.Rule{packetsocket.ICMPv6Type(routerSolicitation)}},
		Answer: func(received []byte, _ *slog.Logger) [][]byte {
			if IsSolicitation(received) {
				return frames()
			}
			return nil
		},
		Unsolicited: frames,
		Interval:    interval,
	}
}

// interval is the time until the next unsolicited advertisement, after the given number of them.
func interval(sent int) time.Duration {
	if sent < initialAdvertisements {
		return minInitialInterval + rand.N(maxInitialInterval-minInitialInterval)
	}
	return minInterval + rand.N(maxInterval-minInterval)
}

// IsSolicitation says whether the frame is a valid router solicitation (RFC 4861 section 6.1.1).
func IsSolicitation(received []byte) bool {
	m, err := packetsocket.ParseICMPv6(received)
	if err != nil || m.HopLimit != discoveryHopLimit || m.Body[0] != routerSolicitation || m.Body[1] != 0 {
		return false
	}
	return len(m.Body) >= solicitationSize && packetsocket.WholeOptions(m.Body[solicitationSize:])
}

// state is what the guest should know according to the binding. A binding without prefixes tells nothing, because its network has
// no IPv6, or has none any more.
func state(b *object.RABinding) (statement, error) {
	s := statement{source: ours(object.ServerMAC), lifetime: max(b.Lease.Truncate(time.Second), factLifetime)}
	if len(b.Prefixes) == 0 {
		return s, nil
	}
	switch {
	case b.Router && b.RouterMAC != object.MAC{}:
		s.source, s.facts = ours(b.RouterMAC), []fact{{}}
	case b.Router:
		s.source, s.facts = ours(object.GatewayMAC), []fact{{}}
	case b.Gateway.IsValid():
		if !b.Gateway.Is6() || !b.Gateway.IsLinkLocalUnicast() || b.Gateway.Zone() != "" {
			return statement{}, fmt.Errorf("gateway %s: not a link-local IPv6 address", b.Gateway)
		}
		s.source, s.facts = speaker{router: b.Gateway}, []fact{{}}
	}
	for i, p := range b.Prefixes {
		if !p.IsValid() || !p.Addr().Is6() || p.Addr().Is4In6() {
			return statement{}, fmt.Errorf("prefixes[%d] %s: not an IPv6 network", i, p)
		}
		s.facts = append(s.facts, fact{Prefix: p.Masked()})
	}
	for _, a := range family6(b.DNS) {
		s.facts = append(s.facts, fact{DNS: a})
	}
	if packetsocket.IsName(b.Domain) {
		s.facts = append(s.facts, fact{Domain: b.Domain})
	}
	return s, nil
}

// frames builds the frames to send. First comes what is true, together with what the same speaker withdraws. Then comes what
// other speakers withdraw. So there is always a router while one takes over from another.
func (s statement) frames(mtu int, withdrawals []withdrawal) [][]byte {
	var frames [][]byte
	own := saying{source: s.source, managed: len(s.facts) > 0}
	own.tell(s.facts, s.lifetime)
	for _, w := range withdrawals {
		said := saying{source: w.source, managed: own.managed}
		if w.source == s.source {
			own.tell(w.facts, 0)
			continue
		}
		said.tell(w.facts, 0)
		frames = append(frames, said.frames(mtu)...)
	}
	if len(own.options) == 0 {
		return frames
	}
	return append(own.frames(mtu), frames...)
}

// family6 selects the IPv6 addresses.
func family6(all []netip.Addr) []netip.Addr {
	var list []netip.Addr
	for _, a := range all {
		if a.Is6() && !a.Is4In6() {
			list = append(list, a)
		}
	}
	return list
}
