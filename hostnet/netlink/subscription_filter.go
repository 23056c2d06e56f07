package netlink

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Only makes the kernel leave out all notifications but those of these types (RTM_…). So the others wake nobody and fill no buffer.
// What arrived before is still read.
func (s *Subscription) Only(types ...uint16) error {
	program, err := onlyTypes(types)
	if err != nil {
		return fmt.Errorf("netlink subscription: filter: %w", err)
	}
	filter := make([]unix.SockFilter, len(program))
	for i, r := range program {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	failed := s.raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	})
	if failed != nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("netlink subscription: attach the filter: %w", err)
	}
	return nil
}

// onlyTypes passes datagrams whose first message has one of the types. A notification is a datagram of its own.
func onlyTypes(types []uint16) ([]bpf.RawInstruction, error) {
	program := []bpf.Instruction{bpf.LoadAbsolute{Off: 4, Size: 2}} // nlmsghdr.nlmsg_type
	for _, t := range types {
		// The type is in the machine's byte order. A filter reads it as if it were in network byte order.
		read := uint32(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, t)))
		program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: read, SkipFalse: 1}, bpf.RetConstant{Val: 0xffff})
	}
	return bpf.Assemble(append(program, bpf.RetConstant{Val: 0}))
}
