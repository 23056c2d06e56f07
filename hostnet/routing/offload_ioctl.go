package routing

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// offload is an offload that must be off on our devices, with its commands (linux/ethtool.h).
type offload struct {
	name     string
	get, set uint32
}

// offloads are in the order in which they are set, because the checksum offload switches others off too.
var offloads = []offload{
	{"tx-checksum", unix.ETHTOOL_GTXCSUM, unix.ETHTOOL_STXCSUM},
	{"scatter-gather", unix.ETHTOOL_GSG, unix.ETHTOOL_SSG},
	{"tcp-segmentation", unix.ETHTOOL_GTSO, unix.ETHTOOL_STSO},
	{"generic-segmentation", unix.ETHTOOL_GGSO, unix.ETHTOOL_SGSO},
}

// ethtoolValue is struct ethtool_value.
type ethtoolValue struct{ command, data uint32 }

// ethtoolRequest is struct ifreq with ifr_data.
type ethtoolRequest struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

// ethtool sends a command to a device in the namespace of the socket.
func ethtool(socket int, device string, v *ethtoolValue) error {
	if len(device) >= unix.IFNAMSIZ {
		return fmt.Errorf("device name %q: at most %d bytes", device, unix.IFNAMSIZ-1)
	}
	r := ethtoolRequest{data: unsafe.Pointer(v)}
	copy(r.name[:], device)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&r))); errno != 0 {
		return errno
	}
	return nil
}

// offloads names the offloads that are on, or says why that is unknown. "" means that all are off.
func (s *space) offloads(device string) string {
	var on []string
	for _, o := range offloads {
		v := ethtoolValue{command: o.get}
		switch err := ethtool(s.control, device, &v); {
		case errors.Is(err, unix.ENODEV): // the device was removed meanwhile: its own message follows
			return ""
		case err != nil:
			on = append(on, o.name+" ("+err.Error()+")")
		case v.data != 0:
			on = append(on, o.name)
		}
	}
	return strings.Join(on, " ")
}

// noOffloads switches all of them off.
func (s *space) noOffloads(device string) error {
	for _, o := range offloads {
		v := ethtoolValue{command: o.set}
		if err := ethtool(s.control, device, &v); err != nil {
			return fmt.Errorf("device %s: switch offload %s off: %w", device, o.name, err)
		}
	}
	return nil
}

// joined says whether GRO is on, which joins received segments of a connection.
func (s *space) joined(device string) (bool, error) {
	v := ethtoolValue{command: unix.ETHTOOL_GGRO}
	err := ethtool(s.control, device, &v)
	return v.data != 0, err
}

// join switches GRO on or off.
func (s *space) join(device string, on bool) error {
	v := ethtoolValue{command: unix.ETHTOOL_SGRO}
	if on {
		v.data = 1
	}
	return ethtool(s.control, device, &v)
}
