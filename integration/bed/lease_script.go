package bed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"weft/integration/timescale"
)

const guestLink = "eth0" // of every guest

// udhcpcMain is the script of udhcpc: its reason is the argument, the lease is in the environment. It sets addresses,
// MTU and routes, and never touches resolv.conf.
func udhcpcMain(args []string) error {
	if len(args) < 2 {
		return errors.New("bed: udhcpc's script needs a reason")
	}
	e := scriptEvent(args[0], args[1])
	v := e.Values
	var err error
	switch e.Reason {
	case "deconfig", "leasefail", "nak":
		err = script("-4", "addr", "flush", "dev", guestLink)
	case "bound", "renew":
		err = setIPv4(v["ip"]+"/"+v["mask"], v["mtu"], v["router"], strings.Fields(v["staticroutes"]))
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
		err = setIPv4(v["new_ip_address"]+"/"+v["new_subnet_mask"], v["new_interface_mtu"], v["new_routers"], nil)
	case "EXPIRE", "FAIL", "RELEASE", "STOP":
		err = script("-4", "addr", "flush", "dev", guestLink)
	case "PREINIT6":
		err = awaitDAD("scope", "link")
	case "BOUND6", "RENEW6", "REBIND6":
		err = script("-6", "addr", "replace", v["new_ip6_address"]+"/128", "dev", guestLink,
			"valid_lft", v["new_max_life"], "preferred_lft", v["new_preferred_life"])
		if err == nil {
			err = awaitDAD("to", v["new_ip6_address"])
		}
	case "EXPIRE6", "RELEASE6", "STOP6":
		if old := v["old_ip6_address"]; old != "" {
			err = script("-6", "addr", "del", old+"/128", "dev", guestLink)
		}
	}
	return errors.Join(err, e.send(leaseSocket(args[0])))
}

// scriptEvent reads the event out of the environment, leaving out what is not the lease's.
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

func leaseSocket(path string) string {
	return filepath.Join(filepath.Dir(filepath.Dir(path)), "leases.sock")
}

func setIPv4(prefix, mtu, router string, routes []string) error {
	if err := script("-4", "addr", "replace", prefix, "dev", guestLink); err != nil {
		return err
	}
	if mtu != "" {
		if err := script("link", "set", guestLink, "mtu", mtu); err != nil {
			return err
		}
	}
	if router != "" {
		if err := script("-4", "route", "replace", "default", "via", strings.Fields(router)[0]); err != nil {
			return err
		}
	}
	for i := 0; i+1 < len(routes); i += 2 {
		if err := script("-4", "route", "replace", routes[i], "via", routes[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// awaitDAD waits until none of the addresses chosen by the selector is tentative and at least one is there. iproute2
// tells of changes, but not of the state before the first; so it is asked again.
func awaitDAD(selector ...string) error {
	deadline := time.Now().Add(timescale.Bound(15 * time.Second))
	for {
		out, err := exec.Command("ip", append([]string{"-6", "-o", "addr", "show", "dev", guestLink}, selector...)...).Output()
		if err != nil {
			return fmt.Errorf("bed: script: %w", err)
		}
		s := string(out)
		switch {
		case strings.Contains(s, "dadfailed"):
			return errors.New("bed: script: duplicate address: " + s)
		case s != "" && !strings.Contains(s, "tentative"):
			return nil
		case time.Now().After(deadline):
			return errors.New("bed: script: no address: " + s)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func script(args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), timescale.Bound(10*time.Second))
	defer cancel()
	if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("bed: script: ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
