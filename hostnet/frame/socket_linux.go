package frame

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

// socketBuffer bounds in bytes what the kernel holds for a port whose guest floods: some twenty frames.
const socketBuffer = 32 << 10

// Socket is the Transport of a netdev: a packet socket bound to its index.
type Socket struct {
	device string
	index  int
	conn   *packet.Conn
}

// OpenSocket is the Opener for netdevs in the calling thread's network namespace. The socket is bound to ETH_P_ALL: one
// bound to a single protocol sees nothing of a device that is a bridge's or Open vSwitch's port. What the host itself
// sends to the guest is not received.
func OpenSocket(device string, f Filter) (Transport, error) {
	raw, err := f.Assemble()
	if err != nil {
		return nil, err
	}
	s, err := listen(device, unix.ETH_P_ALL, &packet.Config{Filter: raw})
	if err != nil {
		return nil, err
	}
	if err := s.setOptions(); err != nil {
		return nil, errors.Join(fmt.Errorf("device %s: set up its packet socket: %w", device, err), s.Close())
	}
	return s, nil
}

// OpenSender opens a socket that only sends: bound to no protocol, it costs received frames nothing.
func OpenSender(device string) (Transport, error) {
	s, err := listen(device, 0, nil)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func listen(device string, protocol int, c *packet.Config) (*Socket, error) {
	index, err := indexOf(device)
	if err != nil {
		return nil, fmt.Errorf("device %s: find its index: %w", device, err)
	}
	conn, err := packet.Listen(&net.Interface{Index: index, Name: device}, packet.Raw, protocol, c)
	if err != nil {
		return nil, fmt.Errorf("device %s: open a packet socket: %w", device, err)
	}
	return &Socket{device, index, conn}, nil
}

func (s *Socket) setOptions() error {
	return s.control(func(fd int) error {
		return errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer),
		)
	})
}

// control runs fn with the socket's descriptor.
func (s *Socket) control(fn func(fd int) error) error {
	rc, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := rc.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// Receive implements Transport.
func (s *Socket) Receive(buf []byte, deadline time.Time) (int, error) {
	if err := s.conn.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	n, _, err := s.conn.ReadFrom(buf)
	if errors.Is(err, unix.ENETDOWN) {
		return 0, ErrDown
	}
	return min(n, len(buf)), err
}

// Send implements Transport.
func (s *Socket) Send(frame []byte) error {
	if len(frame) < ethernetSize {
		return fmt.Errorf("device %s: a frame of %d bytes has no Ethernet header", s.device, len(frame))
	}
	_, err := s.conn.WriteTo(frame, &packet.Addr{HardwareAddr: net.HardwareAddr(frame[:6])})
	return err
}

// SetFilter implements Transport.
func (s *Socket) SetFilter(f Filter) error {
	raw, err := f.Assemble()
	if err != nil {
		return err
	}
	return s.conn.SetBPF(raw)
}

// Alive implements Transport. It asks through the socket, and so in the socket's own network namespace.
func (s *Socket) Alive() bool {
	alive := false
	err := s.control(func(fd int) error {
		index, err := indexThrough(fd, s.device)
		alive = err == nil && index == s.index
		return nil
	})
	return err == nil && alive
}

// Close implements Transport.
func (s *Socket) Close() error { return s.conn.Close() }

// indexOf asks for one device's index; listing all of them, as the standard library does, grows with their number.
func indexOf(device string) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	return indexThrough(fd, device)
}

func indexThrough(fd int, device string) (int, error) {
	request, err := unix.NewIfreq(device)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request); err != nil {
		return 0, err
	}
	return int(request.Uint32()), nil
}
