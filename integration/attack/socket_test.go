//go:build integration

package attack

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// inNamespace runs f on a thread inside the named namespace. If the thread cannot switch back, it is not used again.
func inNamespace(name string, f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			result <- err
			return
		}
		defer home.Close()
		there, err := netns.GetFromName(name)
		if err != nil {
			result <- fmt.Errorf("namespace %s: %w", name, err)
			return
		}
		defer there.Close()
		if err := netns.Set(there); err != nil {
			result <- err
			return
		}
		err = f()
		if back := netns.Set(home); back == nil {
			runtime.UnlockOSThread()
		}
		result <- err
	}()
	return <-result
}

// tap is a raw socket on one link. It sends frames and receives every incoming frame, with its VLAN tag restored.
type tap struct {
	name   string
	fd     int
	frames chan []byte
}

// openTap opens the socket on a link of a namespace and listens until the test ends.
func openTap(t *testing.T, namespace, link string) *tap {
	t.Helper()
	p := &tap{name: link, frames: make(chan []byte, 4096)}
	err := inNamespace(namespace, func() error { return p.open(link) })
	if err != nil {
		t.Fatalf("raw socket on %s: %v", link, err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		p.listen(stop)
	}()
	t.Cleanup(func() {
		// Close it only when nothing reads from it any more, because another test's socket may get the number of a closed descriptor.
		close(stop)
		<-done
		_ = unix.Close(p.fd)
	})
	return p
}

func (p *tap) open(link string) error {
	const all = unix.ETH_P_ALL
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	p.fd = fd
	ifc, err := net.InterfaceByName(link)
	if err != nil {
		return err
	}
	for _, o := range []int{unix.PACKET_AUXDATA, unix.PACKET_IGNORE_OUTGOING} {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, o, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	// The short timeout lets the listener notice that it must stop.
	tv := unix.NsecToTimeval((50 * time.Millisecond).Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	sa := &unix.SockaddrLinklayer{Protocol: binary.BigEndian.Uint16([]byte{all & 0xff, all >> 8}), Ifindex: ifc.Index}
	return os.NewSyscallError("bind", unix.Bind(fd, sa))
}

func (p *tap) listen(stop <-chan struct{}) {
	buf, oob := make([]byte, 1<<16), make([]byte, 256)
	for {
		select {
		case <-stop:
			return
		default:
		}
		n, oobn, _, _, err := unix.Recvmsg(p.fd, buf, oob, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return
		}
		select {
		case p.frames <- retag(buf[:n], oob[:oobn]):
		default: // nobody reads any more
		}
	}
}

// retag copies a frame with the VLAN tag that the kernel took out (struct tpacket_auxdata).
func retag(frame, oob []byte) []byte {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err == nil {
		for _, m := range msgs {
			if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA || len(m.Data) < 20 {
				continue
			}
			status := binary.NativeEndian.Uint32(m.Data)
			if status&unix.TP_STATUS_VLAN_VALID == 0 || len(frame) < 12 {
				continue
			}
			tci, tpid := binary.NativeEndian.Uint16(m.Data[16:]), binary.NativeEndian.Uint16(m.Data[18:])
			return tagged(frame, tpid, tci)
		}
	}
	return append([]byte(nil), frame...)
}

// send puts one frame on the link as it is.
func (p *tap) send(t *testing.T, frame []byte) {
	t.Helper()
	if _, err := unix.Write(p.fd, frame); err != nil {
		t.Fatalf("sending on %s: %v", p.name, err)
	}
}

// until collects frames up to and including the first that contains the marker.
func (p *tap) until(ctx context.Context, marker []byte) ([][]byte, error) {
	var got [][]byte
	for {
		select {
		case f := <-p.frames:
			got = append(got, f)
			if contains(f, marker) {
				return got, nil
			}
		case <-ctx.Done():
			return got, fmt.Errorf("%s: the closing frame did not arrive; %d others did", p.name, len(got))
		}
	}
}

// drain returns what has arrived so far.
func (p *tap) drain() [][]byte {
	var got [][]byte
	for {
		select {
		case f := <-p.frames:
			got = append(got, f)
		default:
			return got
		}
	}
}
