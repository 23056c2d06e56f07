package main

import (
	"context"
	"fmt"
	"time"

	"weft/integration/testbed"
)

// inside shows that guests of one project reach each other across hosts.
func (s *show) inside(ctx context.Context) {
	s.chapter("Inside a project, across hosts")
	for _, p := range []string{"alpha", "beta"} {
		from, to := p+"/web", p+"/db"
		s.step(ctx, "ping "+from+" → "+to+", both families", func(ctx context.Context) (string, error) {
			return s.everyAddress(ctx, to, func(a string) error { return s.guest(from).Ping(ctx, a, 3) })
		})
		s.step(ctx, "TCP "+from+" → "+to+" and back, both families", func(ctx context.Context) (string, error) {
			detail, err := s.everyAddress(ctx, to, func(a string) error {
				return testbed.TCP(ctx, s.guest(from), s.guest(to), a, 1<<20)
			})
			return "a megabyte over " + detail, err
		})
	}
}

// everyAddress runs f for each address of the guest, which must have one of each family.
func (s *show) everyAddress(ctx context.Context, guest string, f func(address string) error) (string, error) {
	addresses, err := s.guest(guest).Addresses(ctx)
	if err != nil {
		return "", err
	}
	if len(addresses) != 2 {
		return "", fmt.Errorf("%s has the addresses %v, want one of each family", guest, addresses)
	}
	for _, a := range addresses {
		if err := f(a); err != nil {
			return "", err
		}
	}
	return addresses[0] + " and " + addresses[1], nil
}

// isolation shows that nothing passes between projects.
func (s *show) isolation(ctx context.Context) {
	s.chapter("Between projects")
	s.step(ctx, "alpha/web reaches no address that only beta has", func(ctx context.Context) (string, error) {
		return s.everyAddress(ctx, "beta/cache", func(a string) error { return s.guest("alpha/web").Unreachable(ctx, a, 2) })
	})
	s.step(ctx, "no frame of alpha/web is heard in beta, broadcasts and multicasts included", func(ctx context.Context) (string, error) {
		return s.silence(ctx, []string{"beta/web", "beta/db", "beta/cache"}, "", func(web *testbed.Guest) error {
			if err := web.Unreachable(ctx, "10.0.0.99", 2); err != nil { // the ARP requests for it are broadcasts
				return err
			}
			return web.Unreachable(ctx, "2001:db8::99", 2)
		})
	})
}

// silence runs f while every listener captures frames of alpha/web. There must be none. filter restricts which frames count.
func (s *show) silence(ctx context.Context, listeners []string, filter string, f func(web *testbed.Guest) error) (string, error) {
	web := s.guest("alpha/web")
	expr := "ether src " + web.Options.MAC
	if filter != "" {
		expr = filter
	}
	var captures []*testbed.Capture
	for _, l := range listeners {
		c, err := s.guest(l).Capture(ctx, "eth0", expr)
		if err != nil {
			return "", err
		}
		captures = append(captures, c)
	}
	err := f(web)
	for i, c := range captures {
		if heard := nothing(c, listeners[i]+" heard"); err == nil {
			err = heard
		}
	}
	return "", err
}

// hostile shows what a hostile guest cannot do.
func (s *show) hostile(ctx context.Context) {
	s.chapter("A hostile guest")
	neighbours := []string{"alpha/db", "alpha/cache"}
	mac := s.guest("alpha/web").Options.MAC
	attacks := []struct{ title, filter, frame string }{
		{"a spoofed IPv4 source goes nowhere", "src host 10.0.0.77",
			"eth src=" + mac + " dst=ff:ff:ff:ff:ff:ff / ip src=10.0.0.77 dst=10.0.0.255 / udp src=9 dst=9"},
		{"a spoofed IPv6 source goes nowhere", "src host 2001:db8::77",
			"eth src=" + mac + " dst=33:33:00:00:00:01 / ip6 src=2001:db8::77 dst=ff02::1 / udp src=9 dst=9"},
		{"a spoofed ARP sender goes nowhere", "arp src host 10.0.0.12 or arp src host 10.0.0.13",
			"eth src=" + mac + " dst=ff:ff:ff:ff:ff:ff / arp op=2 sha=" + mac + " spa=10.0.0.12 tpa=10.0.0.13"},
		{"a spoofed MAC goes nowhere", "ether src fa:16:3e:66:66:66",
			"eth src=fa:16:3e:66:66:66 dst=ff:ff:ff:ff:ff:ff / arp op=1 sha=fa:16:3e:66:66:66 spa=10.0.0.11 tpa=10.0.0.12"},
		{"a rogue DHCPv4 server's offer goes nowhere", "udp src port 67",
			"eth src=" + mac + " dst=ff:ff:ff:ff:ff:ff / ip src=10.0.0.11 dst=255.255.255.255 / udp src=67 dst=68 / data hex=0201060000000001"},
		{"a rogue DHCPv6 server's advertisement goes nowhere", "udp src port 547",
			"eth src=" + mac + " dst=33:33:00:00:00:01 / ip6 src=2001:db8::11 dst=ff02::1 / udp src=547 dst=546 / data hex=02000001"},
		{"a rogue router's advertisement goes nowhere", "icmp6 and ip6[40] == 134 and ether src " + mac,
			"eth src=" + mac + " dst=33:33:00:00:00:01 / ip6 src=2001:db8::11 dst=ff02::1 / icmp6 type=134 / data hex=4000070800000000000000000000"},
	}
	for _, a := range attacks {
		s.step(ctx, a.title, func(ctx context.Context) (string, error) {
			frame, err := testbed.ParseFrame(a.frame)
			if err != nil {
				return "", err
			}
			return s.silence(ctx, neighbours, a.filter, func(web *testbed.Guest) error {
				if err := web.Send("eth0", frame); err != nil {
					return err
				}
				// Ping after the frame, over the same ports. When the ping is answered, the frame would have arrived.
				return web.Ping(ctx, "10.0.0.12", 2)
			})
		})
	}
}

// through runs f while packets go from one guest to another. The longest gap must not be longer than gap; 0 allows any.
func (s *show) through(from, to string, address string, gap time.Duration, f func() (string, error)) (string, error) {
	stream, err := testbed.StartStream(s.guest(from), s.guest(to), address, 5*time.Millisecond)
	if err != nil {
		return "", err
	}
	detail, err := f()
	r := stream.Stop()
	if err != nil {
		return "", err
	}
	if gap > 0 && r.Longest > gap {
		return "", fmt.Errorf("%s: %s, more than %v", detail, r, gap)
	}
	return detail + "; packets meanwhile: " + r.String(), nil
}
