package main

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"weft/integration/testbed"
	"weft/model"
)

//go:embed cloud.yaml
var manifest []byte

// guests are the ports of the manifest, with their hosts. Each project has the same three names.
var guests = []struct{ name, host string }{
	{"alpha/web", "h1"}, {"alpha/db", "h2"}, {"alpha/cache", "h3"},
	{"beta/web", "h1"}, {"beta/db", "h2"}, {"beta/cache", "h3"},
}

func portID(name string) model.ID {
	project, port, _ := strings.Cut(name, "/")
	return model.ID{Project: project, Kind: model.KindPort, Name: port}
}

func (s *show) guest(name string) *testbed.Guest {
	g, err := s.testbed.Guest(name)
	if err != nil {
		panic(err) // the names are this program's own
	}
	return g
}

func (s *show) host(name string) *testbed.Host {
	h, err := s.testbed.Host(name)
	if err != nil {
		panic(err) // the names are this program's own
	}
	return h
}

// build makes the cloud and waits until it is programmed.
func (s *show) build(ctx context.Context) {
	s.chapter("A cloud of three hosts, from keys in etcd")
	s.need(ctx, "two controllers, one of them leads", func(ctx context.Context) (string, error) {
		for _, name := range []string{"c1", "c2"} {
			if _, err := s.testbed.AddController(name); err != nil {
				return "", err
			}
		}
		return s.testbed.AwaitLeader(ctx, "")
	})
	s.need(ctx, "three hosts, each with an Open vSwitch and a weftd", func(context.Context) (string, error) {
		return "", each([]string{"h1", "h2", "h3"}, func(name string) error {
			_, err := s.testbed.AddHost(name, testbed.HostOptions{})
			return err
		})
	})
	s.need(ctx, "weft apply: two projects with the same names and addresses on VLANs 101 and 102", func(ctx context.Context) (string, error) {
		return "", s.apply(ctx, "cloud.yaml", manifest)
	})
	s.need(ctx, "six guests are plugged, as their hypervisors would", func(ctx context.Context) (string, error) {
		for i, g := range guests {
			if err := s.plug(ctx, g.name, g.host, i%2 == 0); err != nil {
				return "", err
			}
		}
		return "three as bare devices, three as OVS interfaces", nil
	})
	s.need(ctx, "all six ports are programmed: read back from the dataplane", func(ctx context.Context) (string, error) {
		var ids []model.ID
		for _, g := range guests {
			ids = append(ids, portID(g.name))
		}
		return "", s.testbed.AwaitProgrammed(ctx, ids...)
	})
}

// plug makes the guest of a port that is in the host's node config.
func (s *show) plug(ctx context.Context, name, host string, device bool) error {
	project, port, _ := strings.Cut(name, "/")
	p, err := s.testbed.AwaitDesired(ctx, host, project, port)
	if err != nil {
		return err
	}
	o := testbed.GuestOptions{Host: host, Device: p.Device, MAC: p.MAC.String(), Plug: testbed.PlugDevice}
	if !device {
		o.Plug, o.Bridge, o.InterfaceID = testbed.PlugInterface, "br-int", p.InterfaceID
	}
	_, err = s.testbed.AddGuest(name, o)
	return err
}

// leases gives every guest its addresses with real DHCP clients.
func (s *show) leases(ctx context.Context) {
	s.chapter("Addresses of both families")
	for _, g := range guests {
		s.need(ctx, fmt.Sprintf("%-11s on %s: udhcpc and dhclient -6", g.name, g.host), func(ctx context.Context) (string, error) {
			v4, err := s.guest(g.name).Lease(ctx, testbed.Udhcpc, "")
			if err != nil {
				return "", err
			}
			v6, err := s.guest(g.name).Lease(ctx, testbed.Dhclient6, "")
			if err != nil {
				return "", err
			}
			return v4.Values["ip"] + " and " + v6.Values["new_ip6_address"], nil
		})
	}
}
