package vm

import (
	"bytes"
	"fmt"
)

// cpioFile is a file of an archive; a mode of a directory (0o040…) has no data.
type cpioFile struct {
	name string
	mode uint32
	data []byte
}

const (
	cpioDirectory = 0o040755
	cpioProgram   = 0o100755
	cpioPlain     = 0o100644
)

// cpioArchive writes files in the "newc" format that the kernel unpacks (Linux's
// Documentation/driver-api/early-userspace/buffer-format.rst). Directories come before what is in them.
func cpioArchive(files []cpioFile) []byte {
	var b bytes.Buffer
	for i, f := range files {
		cpioEntry(&b, i+1, f)
	}
	cpioEntry(&b, 0, cpioFile{name: "TRAILER!!!"})
	return b.Bytes()
}

func cpioEntry(b *bytes.Buffer, inode int, f cpioFile) {
	fmt.Fprintf(b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		inode, f.mode, 0, 0, 1, 0, len(f.data), 0, 0, 0, 0, len(f.name)+1, 0)
	b.WriteString(f.name + "\x00")
	pad(b)
	b.Write(f.data)
	pad(b)
}

func pad(b *bytes.Buffer) {
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
}
