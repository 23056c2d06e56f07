package testbed

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Send sends a frame on a link of the namespace unchanged, without the kernel's own protocols (packet(7)).
func (n *Namespace) Send(link string, frame []byte) error {
	return n.Do(func() error {
		ifc, err := net.InterfaceByName(link)
		if err != nil {
			return fmt.Errorf("testbed: send on %s of %s: %w", link, n.Name, err)
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("testbed: send: %w", err)
		}
		defer unix.Close(fd)
		if err := unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: ifc.Index}); err != nil {
			return fmt.Errorf("testbed: send on %s of %s: %w", link, n.Name, err)
		}
		return nil
	})
}
