package tagfilter

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// programName is the name of our programs that the kernel shows (bpftool prog, ip link).
const programName = "weft_tagfilter"

// The numbers of linux/bpf.h that are used here.
const (
	bpfProgLoad      = 5
	bpfObjInfoByFD   = 15
	bpfProgGetFDByID = 13

	progTypeSchedCls = 3
	progTypeXDP      = 6
)

// instruction is one BPF instruction: operation, destination and source register, offset, immediate value.
type instruction struct {
	op       byte
	dst, src byte
	off      int16
	imm      int32
}

// The operations used here (linux/bpf.h, bpf_common.h).
const (
	opLoadWord  = 0x61 // dst = *(u32 *)(src + off)
	opLoadHalf  = 0x69 // dst = *(u16 *)(src + off)
	opMove      = 0xbf // dst = src
	opMoveValue = 0xb7 // dst = imm
	opAddValue  = 0x07 // dst += imm
	opIfGreater = 0x2d // if dst > src skip off
	opIfNot     = 0x55 // if dst != imm skip off
	opExit      = 0x95
)

// What programs return.
const (
	xdpDrop, xdpPass = 1, 2
	tcPass, tcDrop   = 0, 2
)

// Offsets in struct xdp_md and struct __sk_buff (linux/bpf.h), and of the type in an Ethernet header.
const (
	xdpData, xdpDataEnd = 0, 4
	skbVLANPresent      = 20
	skbVLANProto        = 28
	etherType           = 12
	etherLen            = 14
)

// serviceTag is the EtherType of an 802.1ad tag (0x88a8), as this host reads it from a frame.
func serviceTag() int32 { return int32(binary.NativeEndian.Uint16([]byte{0x88, 0xa8})) }

// xdpProgram drops a frame whose type is an 802.1ad tag.
func xdpProgram() []instruction {
	return []instruction{
		{opLoadWord, 2, 1, xdpDataEnd, 0},
		{opLoadWord, 1, 1, xdpData, 0},
		{opMove, 3, 1, 0, 0},
		{opAddValue, 3, 0, 0, etherLen},
		{opIfGreater, 3, 2, 4, 0},
		{opLoadHalf, 4, 1, etherType, 0},
		{opIfNot, 4, 0, 2, serviceTag()},
		{opMoveValue, 0, 0, 0, xdpDrop},
		{opExit, 0, 0, 0, 0},
		{opMoveValue, 0, 0, 0, xdpPass},
		{opExit, 0, 0, 0, 0},
	}
}

// tcProgram drops a frame with an 802.1ad tag. The kernel has removed the tag from the frame before.
func tcProgram() []instruction {
	return []instruction{
		{opLoadWord, 2, 1, skbVLANPresent, 0},
		{opIfNot, 2, 0, 4, 1},
		{opLoadWord, 2, 1, skbVLANProto, 0},
		{opIfNot, 2, 0, 2, serviceTag()},
		{opMoveValue, 0, 0, 0, tcDrop},
		{opExit, 0, 0, 0, 0},
		{opMoveValue, 0, 0, 0, tcPass},
		{opExit, 0, 0, 0, 0},
	}
}

func (i instruction) append(b []byte) []byte {
	b = append(b, i.op, i.src<<4|i.dst)
	b = binary.NativeEndian.AppendUint16(b, uint16(i.off))
	return binary.NativeEndian.AppendUint32(b, uint32(i.imm))
}

// program is a loaded program.
type program struct {
	fd  int
	tag string // the kernel's digest of the instructions, in hexadecimal
}

// loadAttr is the part of union bpf_attr that BPF_PROG_LOAD reads.
type loadAttr struct {
	kind, count       uint32
	code, license     uint64
	logLevel, logSize uint32
	logBuffer         uint64
	kernel, flags     uint32
	name              [16]byte
}

// load loads the program of a hook. It needs CAP_SYS_ADMIN, or CAP_BPF with CAP_NET_ADMIN.
func load(hook object.TagFilterHook) (program, error) { return loadNamed(hook, programName) }

func loadNamed(hook object.TagFilterHook, name string) (program, error) {
	kind, list := uint32(progTypeXDP), xdpProgram()
	if hook == object.TagFilterTC {
		kind, list = progTypeSchedCls, tcProgram()
	}
	var code []byte
	for _, i := range list {
		code = i.append(code)
	}
	license := []byte("GPL\x00")
	a := loadAttr{kind: kind, count: uint32(len(list)), code: address(&code[0]), license: address(&license[0])}
	copy(a.name[:], name)
	fd, err := bpf(bpfProgLoad, unsafe.Pointer(&a), unsafe.Sizeof(a))
	runtime.KeepAlive(code)
	runtime.KeepAlive(license)
	if err != nil {
		return program{}, fmt.Errorf("load a BPF program: %w", err)
	}
	_, tag, err := info(fd)
	if err != nil {
		_ = unix.Close(fd)
		return program{}, err
	}
	return program{fd, tag}, nil
}

// Offsets in struct bpf_prog_info (linux/bpf.h), and the length that is requested.
const (
	infoTag, infoTagEnd = 8, 16
	infoName, infoLen   = 64, 80
)

// info asks the kernel for a program's name and tag.
func info(fd int) (name, tag string, err error) {
	var i [infoLen]byte
	a := struct {
		fd, length uint32
		info       uint64
	}{uint32(fd), infoLen, address(&i)}
	if _, err := bpf(bpfObjInfoByFD, unsafe.Pointer(&a), unsafe.Sizeof(a)); err != nil {
		return "", "", fmt.Errorf("read what a BPF program is: %w", err)
	}
	runtime.KeepAlive(&i)
	return unix.ByteSliceToString(i[infoName:]), hex.EncodeToString(i[infoTag:infoTagEnd]), nil
}

// infoOf is info of a program by its id.
func infoOf(id uint32) (name, tag string, err error) {
	a := struct{ id, next, flags uint32 }{id: id}
	fd, err := bpf(bpfProgGetFDByID, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err != nil {
		return "", "", fmt.Errorf("open BPF program %d: %w", id, err)
	}
	defer unix.Close(fd)
	return info(fd)
}

func address[T any](p *T) uint64 { return uint64(uintptr(unsafe.Pointer(p))) }

func bpf(command int, attr unsafe.Pointer, size uintptr) (int, error) {
	r, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(command), uintptr(attr), size)
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}
