package lease

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"weft/integration/timescale"
)

// setIPv4 sets on the guest's link what a lease contains: the address with its mask ("10.0.0.5", "24" or "255.255.255.0"), the MTU, the
// default gateway and the routes (destination, gateway, …). Each may be missing.
func setIPv4(link netlink.Link, address, mask, mtu, router string, routes []string) error {
	bits, err := maskBits(mask)
	if err != nil {
		return err
	}
	n, err := ipNet(fmt.Sprintf("%s/%d", address, bits))
	if err != nil {
		return err
	}
	if err := netlink.AddrReplace(link, &netlink.Addr{IPNet: n}); err != nil {
		return fmt.Errorf("lease: script: address %s: %w", n, err)
	}
	if mtu != "" {
		v, err := strconv.Atoi(mtu)
		if err != nil {
			return fmt.Errorf("lease: script: MTU: %w", err)
		}
		if err := netlink.LinkSetMTU(link, v); err != nil {
			return fmt.Errorf("lease: script: MTU %d: %w", v, err)
		}
	}
	if router != "" && len(routes) == 0 { // a client that knows classless routes uses these alone (RFC 3442)
		routes = []string{"0.0.0.0/0", strings.Fields(router)[0]}
	}
	for i := 0; i+1 < len(routes); i += 2 {
		if err := setRoute(link, routes[i], routes[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func maskBits(mask string) (int, error) {
	if bits, err := strconv.Atoi(mask); err == nil {
		return bits, nil
	}
	a, err := netip.ParseAddr(mask)
	if err != nil || !a.Is4() {
		return 0, fmt.Errorf("lease: script: mask %q is neither a length nor an IPv4 mask", mask)
	}
	bits, _ := net.IPMask(a.AsSlice()).Size()
	return bits, nil
}

func setRoute(link netlink.Link, destination, gateway string) error {
	n, err := ipNet(destination)
	if err != nil {
		return err
	}
	r := netlink.Route{LinkIndex: link.Attrs().Index, Dst: n, Gw: net.ParseIP(gateway)}
	if r.Gw.IsUnspecified() { // on the link (RFC 3442)
		r.Gw, r.Scope = nil, netlink.SCOPE_LINK
	}
	if err := netlink.RouteReplace(&r); err != nil {
		return fmt.Errorf("lease: script: route %s via %s: %w", destination, gateway, err)
	}
	return nil
}

// flushIPv4 removes every IPv4 address from the guest's link. The routes go with them.
func flushIPv4(link netlink.Link) error {
	addresses, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("lease: script: addresses of %s: %w", link.Attrs().Name, err)
	}
	for _, a := range addresses {
		if err := netlink.AddrDel(link, &a); err != nil && err != unix.EADDRNOTAVAIL {
			return fmt.Errorf("lease: script: remove %s: %w", a.IPNet, err)
		}
	}
	return nil
}

// setIPv6 sets a leased address on the guest's link, with its lifetimes in seconds, and waits until duplicate address detection is over.
func setIPv6(link netlink.Link, address, valid, preferred string) error {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return fmt.Errorf("lease: script: %w", err)
	}
	n, err := ipNet(address + "/128")
	if err != nil {
		return err
	}
	var seconds [2]int
	for i, s := range []string{valid, preferred} {
		v, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return fmt.Errorf("lease: script: lifetime of %s: %w", address, err)
		}
		seconds[i] = int(v)
	}
	if err := netlink.AddrReplace(link, &netlink.Addr{IPNet: n, ValidLft: seconds[0], PreferedLft: seconds[1]}); err != nil {
		return fmt.Errorf("lease: script: address %s: %w", n, err)
	}
	return awaitDAD(link, func(b netip.Addr) bool { return a == b })
}

func removeIPv6(link netlink.Link, address string) error {
	n, err := ipNet(address + "/128")
	if err != nil {
		return err
	}
	if err := netlink.AddrDel(link, &netlink.Addr{IPNet: n}); err != nil {
		return fmt.Errorf("lease: script: remove %s: %w", n, err)
	}
	return nil
}

func ipNet(prefix string) (*net.IPNet, error) {
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		return nil, fmt.Errorf("lease: script: %w", err)
	}
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}, nil
}

// AwaitLinkLocal waits until a link of the calling thread's network namespace has a link-local IPv6 address that it may use.
func AwaitLinkLocal(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("lease: link %q: %w", name, err)
	}
	return awaitDAD(link, netip.Addr.IsLinkLocalUnicast)
}

// awaitDAD waits until at least one of the chosen IPv6 addresses of the guest's link is there and none is tentative. It misses no change,
// because it subscribes before it lists.
func awaitDAD(link netlink.Link, chosen func(netip.Addr) bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), timescale.Bound(15*time.Second))
	defer cancel()
	changes := make(chan netlink.AddrUpdate)
	if err := netlink.AddrSubscribe(changes, ctx.Done()); err != nil {
		return fmt.Errorf("lease: script: addresses of %s: %w", link.Attrs().Name, err)
	}
	for {
		addresses, err := netlink.AddrList(link, netlink.FAMILY_V6)
		if err != nil {
			return fmt.Errorf("lease: script: addresses of %s: %w", link.Attrs().Name, err)
		}
		there, tentative := 0, false
		for _, a := range addresses {
			ip, _ := netip.AddrFromSlice(a.IP)
			if !chosen(ip) {
				continue
			}
			if a.Flags&unix.IFA_F_DADFAILED != 0 {
				return fmt.Errorf("lease: script: duplicate address: %s", a.IPNet)
			}
			there++
			tentative = tentative || a.Flags&unix.IFA_F_TENTATIVE != 0
		}
		if there > 0 && !tentative {
			return nil
		}
		select {
		case <-changes:
		case <-ctx.Done():
			return fmt.Errorf("lease: script: no address of %s is ready: %v", link.Attrs().Name, addresses)
		}
	}
}
