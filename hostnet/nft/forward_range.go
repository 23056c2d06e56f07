package nft

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// forwardLimit bounds how many ports one floating address forwards. Each port is an element of its own, because a map cannot
// shift a range of ports: it would send all of them to the first port.
const forwardLimit = 16384

// portsOf expands the forwards of a mapping.
func portsOf(m *object.NATMapping) (map[service]netip.AddrPort, error) {
	all := map[service]netip.AddrPort{}
	for _, f := range m.Forwards {
		protocol, err := protocolOf(f.Protocol)
		if err != nil {
			return nil, fmt.Errorf("%s: forward %s: %w", m.Key(), f, err)
		}
		n := int(f.Last) - int(f.First)
		switch {
		case f.First == 0 || n < 0:
			return nil, fmt.Errorf("%s: forward %s: ports: expected 1 to 65535, the lower one first", m.Key(), f)
		case f.ToFirst == 0 || int(f.ToFirst)+n > 65535:
			return nil, fmt.Errorf("%s: forward %s: the target's ports: expected 1 to 65535, got %d to %d", m.Key(), f, f.ToFirst, int(f.ToFirst)+n)
		case f.To.BitLen() != m.Floating.BitLen():
			return nil, fmt.Errorf("%s: forward %s: target: expected an address of the floating address's family", m.Key(), f)
		case len(all)+n+1 > forwardLimit:
			return nil, fmt.Errorf("%s: forwards: expected at most %d ports in all; forward the whole address instead", m.Key(), forwardLimit)
		}
		for i := range n + 1 {
			s := service{protocol, f.First + uint16(i)}
			if _, twice := all[s]; twice {
				return nil, fmt.Errorf("%s: forward %s: port %d is forwarded twice", m.Key(), f, s.port)
			}
			all[s] = netip.AddrPortFrom(f.To, f.ToFirst+uint16(i))
		}
	}
	return all, nil
}

// rangesOf is the shortest list of forwards, in order, that portsOf expands to these ports.
func rangesOf(ports map[service]netip.AddrPort) []object.NATForward {
	if len(ports) == 0 {
		return nil
	}
	order := make([]service, 0, len(ports))
	for s := range ports {
		order = append(order, s)
	}
	slices.SortFunc(order, func(a, b service) int {
		return cmp.Or(cmp.Compare(a.protocol, b.protocol), cmp.Compare(a.port, b.port))
	})
	var all []object.NATForward
	for i, s := range order {
		to := ports[s]
		if i > 0 && order[i-1] == (service{s.protocol, s.port - 1}) &&
			ports[order[i-1]] == netip.AddrPortFrom(to.Addr(), to.Port()-1) {
			all[len(all)-1].Last = s.port
			continue
		}
		all = append(all, object.NATForward{Protocol: protocolName(s.protocol), First: s.port, Last: s.port, To: to.Addr(), ToFirst: to.Port()})
	}
	return all
}

func protocolOf(name string) (byte, error) {
	switch name {
	case "tcp":
		return unix.IPPROTO_TCP, nil
	case "udp":
		return unix.IPPROTO_UDP, nil
	}
	return 0, fmt.Errorf("protocol %q: expected tcp or udp", name)
}

// protocolName also names protocols that somebody else put into a map.
func protocolName(protocol byte) string {
	switch protocol {
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	}
	return fmt.Sprint("protocol ", protocol)
}
