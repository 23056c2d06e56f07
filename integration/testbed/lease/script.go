package lease

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
)

// Program is the name of the program whose main is Main.
const Program = "leasescript"

// The names under which the program is a client's script. Their folder is the guest's, and its parent holds the socket Socket.
const (
	Udhcpc   = "udhcpc-script"
	Dhclient = "dhclient-script"
)

// Socket is the name of the datagram socket that receives the events, each as JSON.
const Socket = "leases.sock"

// Main is the script of a DHCP client: it carries out what the client says and sends the event. args are the program's, with its name,
// which says whose script it is.
func Main(args []string) error {
	switch filepath.Base(args[0]) {
	case Udhcpc:
		return udhcpcMain(args)
	case Dhclient:
		return dhclientMain(args)
	}
	return fmt.Errorf("lease: %s is the script of no DHCP client: link it as %s or %s", args[0], Udhcpc, Dhclient)
}

// udhcpcMain is the script of udhcpc: its reason is the argument, the lease is in the environment. It sets addresses,
// MTU and routes, and never touches resolv.conf.
func udhcpcMain(args []string) error {
	if len(args) < 2 {
		return errors.New("lease: udhcpc's script needs a reason")
	}
	return carryOut(scriptEvent(args[0], args[1]), args[0], applyUdhcpc)
}

func applyUdhcpc(link netlink.Link, e Event) error {
	v := e.Values
	switch e.Reason {
	case "deconfig", "leasefail", "nak":
		return flushIPv4(link)
	case "bound", "renew":
		return setIPv4(link, v["ip"], v["mask"], v["mtu"], v["router"], strings.Fields(v["staticroutes"]))
	}
	return nil
}

// dhclientMain is the script of dhclient, for both families (dhclient-script(8)).
func dhclientMain(args []string) error {
	return carryOut(scriptEvent(args[0], os.Getenv("reason")), args[0], applyDhclient)
}

func applyDhclient(link netlink.Link, e Event) error {
	v := e.Values
	switch e.Reason {
	case "BOUND", "RENEW", "REBIND", "REBOOT":
		return setIPv4(link, v["new_ip_address"], v["new_subnet_mask"], v["new_interface_mtu"], v["new_routers"],
			classlessRoutes(v["new_rfc3442_classless_static_routes"]))
	case "EXPIRE", "FAIL", "RELEASE", "STOP":
		return flushIPv4(link)
	case "PREINIT6":
		return awaitDAD(link, netip.Addr.IsLinkLocalUnicast)
	case "BOUND6", "RENEW6", "REBIND6":
		return setIPv6(link, v["new_ip6_address"], v["new_max_life"], v["new_preferred_life"])
	case "EXPIRE6", "RELEASE6", "STOP6":
		if old := v["old_ip6_address"]; old != "" {
			return removeIPv6(link, old)
		}
	}
	return nil
}

// carryOut applies the event to the link that the client says in the environment, and sends it in any case.
func carryOut(e Event, path string, apply func(netlink.Link, Event) error) error {
	name := os.Getenv("interface")
	link, err := netlink.LinkByName(name)
	if err != nil {
		err = fmt.Errorf("lease: script: link %q: %w", name, err)
	} else {
		err = apply(link, e)
	}
	return errors.Join(err, e.send(leaseSocket(path)))
}

// scriptEvent reads the event from the environment, without variables that do not belong to the lease.
func scriptEvent(path, reason string) Event {
	e := Event{Guest: filepath.Base(filepath.Dir(path)), Client: filepath.Base(path), Reason: reason,
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
	return filepath.Join(filepath.Dir(filepath.Dir(path)), Socket)
}
