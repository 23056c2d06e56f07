package vm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// payload is the compressed kernel inside a bzImage.
type payload struct {
	data []byte
	// decompress is the command that reads data and writes the ELF kernel.
	decompress []string
}

// Offsets in the setup header (Linux's Documentation/arch/x86/boot.rst, protocol 2.08 and later).
const (
	setupSectors   = 0x1f1
	setupMagic     = 0x202
	payloadOffset  = 0x248
	payloadLength  = 0x24c
	setupHeaderEnd = 0x250
	sector         = 512
)

// cutPayload finds the compressed kernel in a bzImage. It is decompressed once, because a virtual machine that boots the bzImage
// decompresses it each time, which takes seconds without acceleration.
func cutPayload(image []byte) (payload, error) {
	if len(image) < setupHeaderEnd || string(image[setupMagic:setupMagic+4]) != "HdrS" {
		return payload{}, errors.New("vm: the kernel image is no bzImage: it has no setup header")
	}
	sectors := int(image[setupSectors])
	if sectors == 0 {
		sectors = 4
	}
	from := uint64(sectors+1)*sector + uint64(binary.LittleEndian.Uint32(image[payloadOffset:]))
	length := uint64(binary.LittleEndian.Uint32(image[payloadLength:]))
	if length <= 4 || from+length > uint64(len(image)) {
		return payload{}, fmt.Errorf("vm: the kernel image says its payload is bytes %d to %d, and has %d", from, from+length, len(image))
	}
	// The kernel's build appends the uncompressed size, four bytes, to what the compressor wrote.
	data := image[from : from+length-4]
	for _, c := range []struct {
		magic   string
		command []string
	}{
		{"\xfd7zXZ\x00", []string{"xz", "--decompress", "--stdout"}},
		{"\x28\xb5\x2f\xfd", []string{"zstd", "--decompress", "--stdout"}},
		{"\x1f\x8b", []string{"gzip", "--decompress", "--stdout"}},
	} {
		if bytes.HasPrefix(data, []byte(c.magic)) {
			return payload{data, c.command}, nil
		}
	}
	return payload{}, fmt.Errorf("vm: the kernel image's payload begins with % x: neither xz, zstd nor gzip", data[:min(6, len(data))])
}
