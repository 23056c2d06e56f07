package netlink

import (
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// TestOnlyTypes: the filter passes messages of its types as a whole, and nothing of others.
func TestOnlyTypes(t *testing.T) {
	t.Parallel()
	raw, err := onlyTypes([]uint16{unix.RTM_DELLINK, unix.RTM_NEWROUTE})
	if err != nil {
		t.Fatal(err)
	}
	program, ok := bpf.Disassemble(raw)
	vm, err := bpf.NewVM(program)
	if err != nil || !ok {
		t.Fatal(err)
	}
	for kind, passes := range map[uint16]bool{
		unix.RTM_DELLINK: true, unix.RTM_NEWROUTE: true, unix.RTM_NEWLINK: false, unix.RTM_DELROUTE: false, unix.RTM_DELLINK << 8: false,
	} {
		datagram := NewRequest(kind, 0, make([]byte, 3000)).Bytes()
		if n, err := vm.Run(datagram); err != nil || (n >= len(datagram)) != passes || !passes && n != 0 {
			t.Errorf("of a message of type %d %d bytes pass, %v; expected that it passes: %v", kind, n, err, passes)
		}
	}
}
