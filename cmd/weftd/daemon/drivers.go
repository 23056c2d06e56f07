package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weft/hostnet/activation"
	"weft/hostnet/announce"
	"weft/hostnet/bridge"
	"weft/hostnet/bridgefilter"
	"weft/hostnet/dhcp"
	"weft/hostnet/hostfilter"
	"weft/hostnet/metadata"
	"weft/hostnet/netlink"
	"weft/hostnet/netns"
	"weft/hostnet/nft"
	"weft/hostnet/ovs"
	"weft/hostnet/packetsocket"
	"weft/hostnet/portsecurity"
	"weft/hostnet/ra"
	"weft/hostnet/routing"
	"weft/hostnet/rtnl"
	"weft/hostnet/tagfilter"
	"weft/model"
	"weft/reconcile/compile"
	"weft/reconcile/compile/linuxbridge"
	"weft/reconcile/compile/openvswitch"
	"weft/reconcile/engine"
)

// resolveTimeout bounds the lookup of etcd's host names. Only the check of uplinks depends on it.
const resolveTimeout = 3 * time.Second

// closer is a driver that holds sockets.
type closer interface {
	engine.Driver
	Close() error
}

// backends are what Host.driver chooses between.
func backends() map[model.Driver]compile.Backend {
	return map[model.Driver]compile.Backend{
		model.DriverOVS:    openvswitch.Backend{},
		model.DriverBridge: linuxbridge.Backend{},
	}
}

// openDrivers opens every driver of this host, in the calling thread's network namespace.
func openDrivers(ctx context.Context, c Config, registry *prometheus.Registry) (drivers []engine.Driver, closeAll func() error, err error) {
	var open []closer
	closeAll = func() error {
		var errs []error
		for _, d := range open {
			if err := d.Close(); err != nil {
				errs = append(errs, fmt.Errorf("driver %s: close: %w", d.Name(), err))
			}
		}
		return errors.Join(errs...)
	}
	links, err := netlink.OpenLinks(c.Logger) // closed after all that use it
	if err != nil {
		return nil, nil, fmt.Errorf("cache of the host's links: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, links.Close())
		}
	}()
	netdevs, err := rtnl.New(rtnl.Config{Links: links, EtcdAddresses: etcdAddresses(ctx, c), Logger: c.Logger})
	if err != nil {
		return nil, nil, fmt.Errorf("driver rtnl: %w", err)
	}
	sockets, err := packetsocket.OpenMux(c.Logger)
	if err != nil {
		return nil, nil, errors.Join(err, netdevs.Close())
	}
	registry.MustRegister(packetSocketCounters(sockets)...)
	guests := metadata.New(sockets.Open, c.Logger)
	registry.MustRegister(newMetadataCounters(guests.Stats))
	open = append(open, netdevs, dhcp.New(sockets.Open, c.Logger), guests,
		ra.New(ra.Config{Open: sockets.Open, StateDir: c.StateDir, Logger: c.Logger}),
		announce.New(sockets.OpenSender, c.Logger), activation.New(sockets.Open, c.Logger))
	tags, err := tagfilter.New(tagfilter.Config{Links: links, Logger: c.Logger})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("driver tagfilter: %w", err), closeAll(), sockets.Close())
	}
	open = append(open, tags)
	kernel, err := openBridges(c, links)
	open = append(open, kernel...)
	if err != nil {
		return nil, nil, errors.Join(err, closeAll(), sockets.Close())
	}
	routers, closeRouters, err := openRouters(c, registry)
	if err != nil {
		return nil, nil, errors.Join(err, closeAll(), sockets.Close())
	}
	closeSwitch := func() {}
	if c.OVSRundir != "" {
		vswitch := ovs.New(ovs.Config{Links: links, RunDir: c.OVSRundir, DatapathType: c.DatapathType, Log: c.Logger})
		drivers, closeSwitch = append(drivers, vswitch), vswitch.Close
	}
	for _, d := range open {
		drivers = append(drivers, d)
	}
	drivers = append(drivers, routers...)
	closeOpen := closeAll // the named result becomes the function that calls it
	return drivers, func() error {
		closeSwitch()
		return errors.Join(closeOpen(), closeRouters(), sockets.Close(), links.Close())
	}, nil
}

// openRouters opens the drivers of Weft's network namespaces. They use the same directory of names.
func openRouters(c Config, registry *prometheus.Registry) (drivers []engine.Driver, closeAll func() error, err error) {
	directory, err := netns.OpenDirectory(c.NetnsDir)
	if err != nil {
		return nil, nil, err
	}
	inside, err := routing.New(routing.Config{Directory: directory, Logger: c.Logger})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("driver routing: %w", err), directory.Close())
	}
	nat, err := nft.New(nft.Config{Namespaces: nft.InDirectory(directory), Logger: c.Logger})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("driver nft: %w", err), inside.Close(), directory.Close())
	}
	registry.MustRegister(newBorderCounters(nat.Dropped))
	return []engine.Driver{inside, nat}, func() error { return errors.Join(nat.Close(), inside.Close(), directory.Close()) }, nil
}

// openBridges opens the drivers of the kernel's own bridges, and the driver that keeps the host's own stack off these bridges and off
// Open vSwitch's. After an error it returns those that it opened before.
func openBridges(c Config, links *netlink.Links) ([]closer, error) {
	bridges, err := bridge.New(bridge.Config{Links: links, Logger: c.Logger})
	if err != nil {
		return nil, fmt.Errorf("driver bridge: %w", err)
	}
	security, err := portsecurity.New(portsecurity.Config{Logger: c.Logger})
	if err != nil {
		return []closer{bridges}, fmt.Errorf("driver portsecurity: %w", err)
	}
	filter, err := hostfilter.New(hostfilter.Config{Logger: c.Logger})
	if err != nil {
		return []closer{bridges, security}, fmt.Errorf("driver hostfilter: %w", err)
	}
	groups, err := bridgefilter.New(bridgefilter.Config{Logger: c.Logger})
	if err != nil {
		return []closer{bridges, security, filter}, fmt.Errorf("driver bridgefilter: %w", err)
	}
	return []closer{bridges, security, filter, groups}, nil
}

// packetSocketCounters count what guests send to this host's servers.
func packetSocketCounters(x *packetsocket.Mux) []prometheus.Collector {
	counter := func(name, help string, value func(packetsocket.Stats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value(x.Stats())) })
	}
	return []prometheus.Collector{
		counter("weft_frames_received_total", "Frames of guests for this host's servers.",
			func(s packetsocket.Stats) uint64 { return s.Frames }),
		counter("weft_frames_unserved_total", "Such frames on devices that are not served.",
			func(s packetsocket.Stats) uint64 { return s.Unserved }),
		counter("weft_frames_lost_total", "Such frames lost because more arrived than the receive buffer holds.",
			func(s packetsocket.Stats) uint64 { return s.Overruns }),
		counter("weft_frame_floods_total", "Times that a flooding device was shut out for some seconds.",
			func(s packetsocket.Stats) uint64 { return s.Floods }),
	}
}

// etcdAddresses are the addresses of etcd's endpoints. The link that leads to one is never used as an uplink. A name that cannot be
// resolved now is logged and left out.
func etcdAddresses(ctx context.Context, c Config) []netip.Addr {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	var out []netip.Addr
	for _, endpoint := range c.Etcd.Endpoints {
		if strings.HasPrefix(endpoint, "unix") {
			continue // a socket on this host
		}
		host := endpoint
		if u, err := url.Parse(endpoint); err == nil && u.Host != "" {
			host = u.Hostname()
		} else if h, _, err := net.SplitHostPort(endpoint); err == nil {
			host = h
		}
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			c.Logger.Warn("cannot protect the route to an etcd endpoint", "endpoint", endpoint, "error", err)
			continue
		}
		for _, a := range found {
			out = append(out, a.Unmap())
		}
	}
	return out
}
