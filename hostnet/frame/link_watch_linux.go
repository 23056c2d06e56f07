package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// linkBuffer is in bytes. It holds the notifications of thousands of devices that are removed at once.
const linkBuffer = 4 << 20

// linkWatch reports devices that are removed from a network namespace, by rtnetlink. A packet socket that is bound to no device
// is not told.
type linkWatch struct{ rawSocket }

// openLinkWatch watches the calling thread's network namespace.
func openLinkWatch() (*linkWatch, error) {
	raw, err := openRaw(unix.AF_NETLINK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	w := &linkWatch{raw}
	filter, err := onlyRemovals()
	if err == nil {
		err = (&packetSocket{raw}).setFilter(filter)
	}
	if err == nil {
		err = w.control(func(fd int) error {
			return errors.Join(
				unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, linkBuffer),
				unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK}),
			)
		})
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// onlyRemovals passes only RTM_DELLINK, because a thousand devices that come up send many thousand notifications.
func onlyRemovals() ([]bpf.RawInstruction, error) {
	kind := binary.NativeEndian.AppendUint16(nil, unix.RTM_DELLINK)
	raw, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 4, Size: 2}, // nlmsghdr.nlmsg_type, in the machine's order
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(binary.BigEndian.Uint16(kind)), SkipFalse: 1},
		bpf.RetConstant{Val: 0xffff},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return nil, fmt.Errorf("filter for removed devices: %w", err)
	}
	return raw, nil
}

// next waits for a device to be removed and returns its index. It returns 0 if notifications were lost, because then any device
// may have been removed. It may also return a device that still exists, for example one that left a bridge. It fails when the
// socket was closed.
func (w *linkWatch) next() (int, error) {
	buf := make([]byte, unix.SizeofNlMsghdr+unix.SizeofIfInfomsg)
	n := 0
	err := w.read(time.Time{}, func(fd int) (err error) {
		n, _, err = unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
		return err
	})
	switch {
	case errors.Is(err, os.ErrClosed):
		return 0, err
	case err != nil || n < len(buf):
		return 0, nil
	}
	return int(int32(binary.NativeEndian.Uint32(buf[unix.SizeofNlMsghdr+4:]))), nil
}
