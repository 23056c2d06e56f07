package packetsocket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	// receiveBuffer is in bytes. It holds what a thousand guests send when they boot at once. The kernel counts 0.7 to 2 KiB for
	// a frame and doubles the number.
	receiveBuffer = 4 << 20
	// sendBuffer is in bytes. All guests share it. The frames that wait in the queueing discipline of a rate-limited guest must
	// not use it up.
	sendBuffer = 4 << 20
	// batchFrames bounds how many frames are received before the time is checked.
	batchFrames = 256
)

// packetSocket is a non-blocking packet socket for all devices of its network namespace.
type packetSocket struct{ rawSocket }

// rawSocket is a socket that the Go runtime polls.
type rawSocket struct {
	file   *os.File
	closed *atomic.Bool // reading a closed file does not return os.ErrClosed
}

// openPacketSocket opens a socket that passes nothing until it gets a filter. It is bound to ETH_P_ALL, because a socket for a
// single protocol receives nothing from a port of a bridge or of Open vSwitch. Frames that the host itself sends to a guest are
// not received.
func openPacketSocket() (*packetSocket, error) {
	raw, err := openRaw()
	if err != nil {
		return nil, err
	}
	s := &packetSocket{raw}
	nothing, err := assemble(nil, nil)
	if err == nil {
		err = s.setFilter(nothing)
	}
	if err == nil {
		err = s.control(func(fd int) error {
			return errors.Join(
				unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
				unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer),
				unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBuffer),
				unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL)}),
			)
		})
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// openRaw opens a packet socket that is bound to no protocol. It receives nothing before it is bound.
func openRaw() (rawSocket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return rawSocket{}, os.NewSyscallError("socket", err)
	}
	return rawSocket{os.NewFile(uintptr(fd), "socket"), new(atomic.Bool)}, nil
}

// networkOrder is the number in the byte order of a link-layer address.
func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// Close ends read.
func (s rawSocket) Close() error {
	s.closed.Store(true)
	return s.file.Close()
}

// control runs fn with the socket's descriptor.
func (s rawSocket) control(fn func(fd int) error) error {
	rc, err := s.file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := rc.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// read runs fn when the socket has something to read, until fn returns another error than EAGAIN. It ends at the deadline, unless
// that is zero. The error is os.ErrClosed after Close, os.ErrDeadlineExceeded, or that of fn.
func (s rawSocket) read(deadline time.Time, fn func(fd int) error) (err error) {
	defer func() {
		if s.closed.Load() {
			err = os.ErrClosed
		}
	}()
	if err := s.file.SetReadDeadline(deadline); err != nil {
		return err
	}
	rc, err := s.file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = rc.Read(func(fd uintptr) bool {
		inner = fn(int(fd))
		return !errors.Is(inner, unix.EAGAIN)
	})
	if err != nil {
		return err
	}
	return inner
}

// receive waits for frames until the deadline, unless that is zero, and passes some on. It fails when the socket was closed.
func (s *packetSocket) receive(buf []byte, deadline time.Time, deliver func(index int, frame []byte)) error {
	err := s.read(deadline, func(fd int) error {
		for taken := range batchFrames {
			n, from, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
			if err != nil && taken > 0 {
				return nil
			}
			if err != nil {
				return err
			}
			if a, ok := from.(*unix.SockaddrLinklayer); ok {
				deliver(a.Ifindex, buf[:min(n, len(buf))])
			}
		}
		return nil
	})
	if errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil // the deadline, or an error of one device (ENETDOWN) that does not affect others
}

// sendTo sends one frame out of the device with the index. It does not wait for room.
func (s *packetSocket) sendTo(index int, frame []byte) error {
	to := &unix.SockaddrLinklayer{Ifindex: index, Halen: 6}
	copy(to.Addr[:], frame[:6])
	return s.control(func(fd int) error { return unix.Sendto(fd, frame, unix.MSG_DONTWAIT, to) })
}

// setFilter replaces the filter at once, without a gap.
func (s *packetSocket) setFilter(raw []bpf.RawInstruction) error {
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return s.control(func(fd int) error {
		return os.NewSyscallError("attach the filter", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}))
	})
}

// overruns is how many frames the kernel dropped for lack of room since the last call.
func (s *packetSocket) overruns() uint64 {
	lost := uint64(0)
	_ = s.control(func(fd int) error { // fails only after Close
		stats, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err == nil {
			lost = uint64(stats.Drops)
		}
		return err
	})
	return lost
}

// indexOf asks for one device's index, in the socket's network namespace. Listing all devices, as the standard library does,
// costs more the more there are.
func (s rawSocket) indexOf(device string) (int, error) {
	request, err := unix.NewIfreq(device)
	if err != nil {
		return 0, err
	}
	err = s.control(func(fd int) error { return unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request) })
	if err != nil {
		return 0, err
	}
	return int(request.Uint32()), nil
}

// sender is a device's Sender with its own socket.
type sender struct {
	*packetSocket
	device string
	index  int
}

// OpenSender opens a separate socket in the calling thread's network namespace that only sends. It is bound to no protocol, so
// received frames cost nothing.
func OpenSender(device string) (Sender, error) {
	raw, err := openRaw()
	if err != nil {
		return nil, fmt.Errorf("device %s: open a packet socket: %w", device, err)
	}
	index, err := raw.indexOf(device)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("device %s: find its index: %w", device, err), raw.Close())
	}
	return &sender{&packetSocket{raw}, device, index}, nil
}

// Send implements Sender.
func (s *sender) Send(frame []byte) error {
	if len(frame) < ethernetSize {
		return fmt.Errorf("device %s: a frame of %d bytes has no Ethernet header", s.device, len(frame))
	}
	return s.sendTo(s.index, frame)
}

// Alive implements Sender.
func (s *sender) Alive() bool {
	index, err := s.indexOf(s.device)
	return err == nil && index == s.index
}
