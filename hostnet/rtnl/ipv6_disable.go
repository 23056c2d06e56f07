package rtnl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// ipv6Conf has a directory of IPv6 settings for each device of the thread's network namespace (kernel's ip-sysctl.rst).
const ipv6Conf = "/proc/sys/net/ipv6/conf"

// disableFile is the file that switches off IPv6 on one device. The kernel does not allow a device name that has another meaning
// in this directory.
func disableFile(device string) string { return path.Join(ipv6Conf, device, "disable_ipv6") }

// noIPv6On says that the host has no IPv6 on a device: it is switched off, the kernel has none, or the link's MTU is too small
// for it.
func noIPv6On(device string) (bool, error) {
	value, err := os.ReadFile(disableFile(device))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("link %s: read whether it has IPv6: %w", device, err)
	}
	return strings.TrimSpace(string(value)) != "0", nil
}

// disableIPv6 switches the host's IPv6 off on a device. If the device has none, there is nothing to do.
func disableIPv6(device string) error {
	off, err := noIPv6On(device)
	if err != nil || off {
		return err
	}
	if err := os.WriteFile(disableFile(device), []byte("1"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("link %s: switch IPv6 off: %w", device, err)
	}
	return nil
}
