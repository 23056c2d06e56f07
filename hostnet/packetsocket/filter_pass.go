package packetsocket

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
)

// Passes says whether the untagged frame passes one of the rules. The kernel's filter is that of all servers on all devices. Without this
// second look a server would spend the tokens of its bucket on frames for others.
func (f Filter) Passes(frame []byte) bool {
	for _, r := range f.Rules {
		if r.passes(frame) {
			return true
		}
	}
	return false
}

func (r Rule) passes(frame []byte) bool {
	for _, t := range r {
		if !t.passes(frame) {
			return false
		}
	}
	return true
}

// passes does what the kernel does for the test. A load from beyond the end of the frame drops the frame there.
func (t Test) passes(frame []byte) bool {
	value, shift := uint32(0), uint32(0)
	for _, i := range t.load {
		var ok bool
		switch load := i.(type) {
		case bpf.LoadAbsolute:
			value, ok = loaded(frame, load.Off, load.Size)
		case bpf.LoadMemShift:
			shift, ok = loaded(frame, load.Off, 1)
			shift = shift & 0x0f * 4
		case bpf.LoadIndirect:
			value, ok = loaded(frame, load.Off+shift, load.Size)
		}
		if !ok {
			return false
		}
	}
	switch t.cond {
	case bpf.JumpEqual:
		return value == t.value
	case bpf.JumpNotEqual:
		return value != t.value
	case bpf.JumpBitsNotSet:
		return value&t.value == 0
	}
	return false
}

// loaded is the number of 1, 2 or 4 bytes at an offset.
func loaded(frame []byte, offset uint32, size int) (uint32, bool) {
	if uint64(offset)+uint64(size) > uint64(len(frame)) {
		return 0, false
	}
	b := frame[offset:]
	switch size {
	case 1:
		return uint32(b[0]), true
	case 2:
		return uint32(binary.BigEndian.Uint16(b)), true
	case 4:
		return binary.BigEndian.Uint32(b), true
	}
	return 0, false
}
