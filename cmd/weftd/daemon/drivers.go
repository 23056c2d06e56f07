package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"weft/hostnet/announce"
	"weft/hostnet/dhcp"
	"weft/hostnet/ovs"
	"weft/hostnet/ra"
	"weft/hostnet/rtnl"
	"weft/reconcile/engine"
)

// resolveTimeout bounds the look-up of etcd's host names, of which only the marking of uplinks depends.
const resolveTimeout = 3 * time.Second

// closer is a driver that holds sockets.
type closer interface {
	engine.Driver
	Close() error
}

// openDrivers opens every driver of this host, in the calling thread's network namespace.
func openDrivers(ctx context.Context, c Config) (drivers []engine.Driver, closeAll func() error, err error) {
	var open []closer
	closeAll = func() error {
		errs := make([]error, len(open))
		var wg sync.WaitGroup // side by side: the kernel takes milliseconds for each packet socket, and they are many
		for i, d := range open {
			wg.Go(func() {
				if err := d.Close(); err != nil {
					errs[i] = fmt.Errorf("driver %s: close: %w", d.Name(), err)
				}
			})
		}
		wg.Wait()
		return errors.Join(errs...)
	}
	links, err := rtnl.New(rtnl.Config{EtcdAddresses: etcdAddresses(ctx, c), Logger: c.Logger})
	if err != nil {
		return nil, nil, fmt.Errorf("driver rtnl: %w", err)
	}
	open = append(open, links, dhcp.New(nil, c.Logger), ra.New(nil, c.Logger), announce.New(nil, c.Logger))
	vswitch := ovs.New(ovs.Config{RunDir: c.OVSRundir, DatapathType: c.DatapathType, Log: c.Logger})
	drivers = append(drivers, vswitch)
	for _, d := range open {
		drivers = append(drivers, d)
	}
	closeOpen := closeAll // the named result becomes the function that calls it
	return drivers, func() error { vswitch.Close(); return closeOpen() }, nil
}

// etcdAddresses are the addresses of etcd's endpoints: the link that leads to one is never taken as an uplink. A name
// that cannot be resolved now is logged and left out.
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
			c.Logger.Warn("the road to an etcd endpoint cannot be marked", "endpoint", endpoint, "error", err)
			continue
		}
		for _, a := range found {
			out = append(out, a.Unmap())
		}
	}
	return out
}
