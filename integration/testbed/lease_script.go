package testbed

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const guestLink = "eth0" // of every guest

// udhcpcMain is the script of udhcpc: its reason is the argument, the lease is in the environment. It sets addresses,
// MTU and routes, and never touches resolv.conf.
func udhcpcMain(args []string) error {
	if len(args) < 2 {
		return errors.New("testbed: udhcpc's script needs a reason")
	}
	e := scriptEvent(args[0], args[1])
	v := e.Values
	var err error
	switch e.Reason {
	case "deconfig", "leasefail", "nak":
		err = flushIPv4()
	case "bound", "renew":
		err = setIPv4(v["ip"], v["mask"], v["mtu"], v["router"], strings.Fields(v["staticroutes"]))
	}
	return errors.Join(err, e.send(leaseSocket(args[0])))
}

// dhclientMain is the script of dhclient, for both families (dhclient-script(8)).
func dhclientMain(args []string) error {
	reason := os.Getenv("reason")
	e := scriptEvent(args[0], reason)
	v := e.Values
	var err error
	switch reason {
	case "BOUND", "RENEW", "REBIND", "REBOOT":
		err = setIPv4(v["new_ip_address"], v["new_subnet_mask"], v["new_interface_mtu"], v["new_routers"],
			classlessRoutes(v["new_rfc3442_classless_static_routes"]))
	case "EXPIRE", "FAIL", "RELEASE", "STOP":
		err = flushIPv4()
	case "PREINIT6":
		err = awaitDAD(netip.Addr.IsLinkLocalUnicast)
	case "BOUND6", "RENEW6", "REBIND6":
		err = setIPv6(v["new_ip6_address"], v["new_max_life"], v["new_preferred_life"])
	case "EXPIRE6", "RELEASE6", "STOP6":
		if old := v["old_ip6_address"]; old != "" {
			err = removeIPv6(old)
		}
	}
	return errors.Join(err, e.send(leaseSocket(args[0])))
}

// scriptEvent reads the event from the environment, without variables that do not belong to the lease.
func scriptEvent(path, reason string) LeaseEvent {
	e := LeaseEvent{Guest: filepath.Base(filepath.Dir(path)), Client: filepath.Base(path), Reason: reason,
		Values: map[string]string{}}
	for _, kv := range os.Environ() {
		k, v, _ := strings.Cut(kv, "=")
		if k == strings.ToLower(k) && k != "_" {
			e.Values[k] = v
		}
	}
	return e
}

// classlessRoutes reads option 121 as dhclient shows it: its bytes, as decimal numbers. The result is destinations and next hops in turn.
func classlessRoutes(text string) (routes []string) {
	b := strings.Fields(text)
	for len(b) > 0 {
		bits, err := strconv.Atoi(b[0])
		n := (bits + 7) / 8
		if err != nil || bits < 0 || bits > 32 || len(b) < 1+n+4 {
			return nil
		}
		destination := append(b[1:1+n:1+n], "0", "0", "0", "0")[:4]
		routes = append(routes, strings.Join(destination, ".")+"/"+b[0], strings.Join(b[1+n:5+n], "."))
		b = b[5+n:]
	}
	return routes
}

func leaseSocket(path string) string {
	return filepath.Join(filepath.Dir(filepath.Dir(path)), "leases.sock")
}
