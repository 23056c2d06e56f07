package routing

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// setting is one file below /proc/sys/net of the thread's namespace, and its required value.
type setting struct {
	file  string // "%s" stands for "all", "default" and each device, "%n" for "default" and each device
	value string
	// optional settings exist only while a kernel module is loaded.
	optional bool
}

// settings are the settings of every namespace of ours, in the order in which they are written, because forwarding resets others.
//
// The kernel's reverse path filter is off. It does not exist for IPv6, and it does not report what it dropped. The rules of
// hostnet/nft contain one for both families.
var settings = []setting{
	{file: "ipv4/ip_forward", value: "1"},
	{file: "ipv6/conf/%s/forwarding", value: "1"},
	{file: "ipv4/conf/%s/forwarding", value: "1"},
	{file: "ipv4/conf/%s/rp_filter", value: "0"},
	// Redirects would tell guests to bypass the gateway, and anybody could send them to the router.
	{file: "ipv4/conf/%s/accept_redirects", value: "0"},
	{file: "ipv4/conf/%s/secure_redirects", value: "0"},
	{file: "ipv4/conf/%s/send_redirects", value: "0"},
	{file: "ipv6/conf/%s/accept_redirects", value: "0"},
	{file: "ipv4/conf/%s/accept_source_route", value: "0"},
	{file: "ipv6/conf/%s/accept_source_route", value: "0"},
	// Each device answers only for its own addresses, and asks with an address that its link knows.
	{file: "ipv4/conf/%s/arp_ignore", value: "1"},
	{file: "ipv4/conf/%s/arp_announce", value: "2"},
	// Removing an address does not remove others. A device that is down keeps its IPv6 addresses.
	{file: "ipv4/conf/%s/promote_secondaries", value: "1"},
	{file: "ipv6/conf/%s/keep_addr_on_down", value: "1"},
	// Only the link-local address from the MAC is made automatically.
	{file: "ipv6/conf/%s/disable_ipv6", value: "0"},
	{file: "ipv6/conf/%s/accept_ra", value: "0"},
	{file: "ipv6/conf/%s/autoconf", value: "0"},
	{file: "ipv6/conf/%s/addr_gen_mode", value: "0"},
	{file: "ipv6/conf/%s/use_tempaddr", value: "0"},
	{file: "ipv6/conf/%s/router_solicitations", value: "0"},
	// A gateway's address is the same on every host, so a duplicate is intended.
	{file: "ipv6/conf/%s/accept_dad", value: "0"},
	{file: "ipv6/conf/%s/dad_transmits", value: "0"},
	// The namespace answers for proxied addresses without delay.
	{file: "ipv6/conf/%s/proxy_ndp", value: "1"},
	{file: "ipv4/neigh/%n/proxy_delay", value: "0"},
	{file: "ipv6/neigh/%n/proxy_delay", value: "0"},
	// A router that sees only one direction cannot judge TCP windows.
	{file: "netfilter/nf_conntrack_tcp_be_liberal", value: "1", optional: true},
	// An ended connection keeps its port of the shared address for this many seconds, and hostnet/nft does not count it. With the
	// kernel's 120 seconds a client that connects again and again would use up all ports, at a rate that others may need.
	{file: "netfilter/nf_conntrack_tcp_timeout_time_wait", value: "30", optional: true},
}

const settingRoot = "/proc/sys/net"

// hasIPv6 says whether the kernel has IPv6. It has none if it was started with ipv6.disable=1.
func hasIPv6() bool {
	_, err := os.Stat(path.Join(settingRoot, "ipv6"))
	return err == nil
}

// maxSetting bounds how many bytes of a file are read.
const maxSetting = 64

// files are the setting's files for the given devices. Neighbour settings have no "all".
func (s setting) files(devices []string) []string {
	if !strings.Contains(s.file, "%") {
		return []string{s.file}
	}
	names := append([]string{"default"}, devices...)
	if strings.Contains(s.file, "%s") {
		names = append([]string{"all"}, names...)
	}
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.NewReplacer("%s", n, "%n", n).Replace(s.file)
	}
	return out
}

// eachSetting calls fn for every file with a wrong value. It runs on a thread inside the namespace. Devices may be added and
// removed meanwhile, so a missing file is only an error if it is one of the namespace itself.
func eachSetting(devices []string, fn func(file, have, want string) error) error {
	for _, s := range settings {
		for _, f := range s.files(devices) {
			if err := s.check(f, fn); err != nil {
				return err
			}
		}
	}
	return nil
}

// check calls fn if the file has another value.
func (s setting) check(file string, fn func(file, have, want string) error) error {
	have, err := readSetting(file)
	if errors.Is(err, fs.ErrNotExist) && (s.optional || strings.Contains(s.file, "%")) {
		return nil
	}
	if err == nil && have != s.value {
		err = fn(file, have, s.value)
	}
	if err != nil {
		return fmt.Errorf("setting %s: %w", dotted(file), err)
	}
	return nil
}

// readSetting reads a file with one read, because the kernel makes the content again for each read.
func readSetting(file string) (string, error) {
	f, err := os.Open(path.Join(settingRoot, file))
	if err != nil {
		return "", err
	}
	defer f.Close()
	b := make([]byte, maxSetting)
	n, err := f.Read(b)
	return strings.TrimSpace(string(b[:n])), err
}

func writeSetting(file, _, value string) error {
	err := os.WriteFile(path.Join(settingRoot, file), []byte(value), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the device was removed
	}
	return err
}

// writeSettings corrects all settings. It runs on a thread inside the namespace.
func writeSettings(devices []string) error { return eachSetting(devices, writeSetting) }

// wrongSettings lists the settings with wrong values. It runs on a thread inside the namespace.
func wrongSettings(devices []string) (wrong []string, err error) {
	err = eachSetting(devices, func(file, have, _ string) error {
		wrong = append(wrong, dotted(file)+" is "+have)
		return nil
	})
	return wrong, err
}

func dotted(file string) string { return "net." + strings.ReplaceAll(file, "/", ".") }

// readSettings lists the namespace's settings with wrong values.
func (s *space) readSettings(of *state) (wrong []string, err error) {
	err = s.ns.Do(func() error {
		var err error
		wrong, err = wrongSettings(of.devices())
		return err
	})
	return wrong, err
}

// outerSettings are the settings of our devices in the host's own namespace. The host's stack must not take part in the traffic
// there.
var outerSettings = []setting{
	{file: "ipv6/conf/%s/disable_ipv6", value: "1"},
	{file: "ipv4/conf/%s/arp_ignore", value: "8"},
}

// faults lists wrong offloads and settings of a device of ours. "" means none.
func (s *space) faults(device string) string {
	on := s.offloads(device)
	if !s.home() {
		return on
	}
	wrong := ""
	err := s.ns.Do(func() error {
		return eachOf(outerSettings, device, func(file, have, _ string) error {
			wrong += " " + dotted(file) + " is " + have
			return nil
		})
	})
	if err != nil {
		wrong += " " + err.Error()
	}
	return strings.TrimSpace(on + wrong)
}

// complete adds what the netlink message of our device does not contain.
func (s *space) complete(l linkState) linkState {
	l.faults = s.faults(l.name)
	if s.home() {
		l.master = 0 // set by the switch, or by a bridge of ours
	}
	l.threaded = false
	if s.devices == nil {
		return l
	}
	joined, err := s.joined(l.name)
	if err == nil && joined {
		l.threaded, err = s.devices.threaded(l.name)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENODEV) { // removed meanwhile: its own message follows
		l.faults = strings.TrimSpace(l.faults + " threaded NAPI: " + err.Error())
	}
	return l
}

// thread makes a kernel thread handle what the device receives, or switches that off. The device must be up. A veth has NAPI,
// which the thread runs, only with GRO. So GRO is switched on first and off last.
func (s *space) thread(device string, on bool) error {
	if s.devices == nil {
		return fmt.Errorf("threaded NAPI: %w", cmp.Or(s.noDevices, errClosed))
	}
	steps := []func() error{
		func() error { return s.join(device, on) },
		func() error { return s.devices.thread(device, on) },
	}
	if !on {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("threaded NAPI: %w", err)
		}
	}
	return nil
}

// noFaults corrects the offloads and settings of a device of ours.
func (s *space) noFaults(device string) error {
	if err := s.noOffloads(device); err != nil {
		return err
	}
	return s.ns.Do(func() error {
		if s.home() {
			return eachOf(outerSettings, device, writeSetting)
		}
		return writeSettings([]string{device}) // neighbour settings do not come from "default"
	})
}

// eachOf calls fn for each wrong setting of one device.
func eachOf(settings []setting, device string, fn func(file, have, want string) error) error {
	for _, s := range settings {
		if err := s.check(strings.ReplaceAll(s.file, "%s", device), fn); err != nil {
			return err
		}
	}
	return nil
}
