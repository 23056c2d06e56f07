// Package isoimage makes ISO 9660 images with Rock Ridge and Joliet names: small read-only disks for guests, such as config drives. Linux
// reads Rock Ridge, Windows reads Joliet.
//
// It is written here because no library does it: github.com/kdomanski/iso9660 writes neither kind of names, and Joliet folders of
// github.com/diskfs/go-diskfs lead to the records of other names. Both need the files, which may be secrets, in a folder on the machine,
// and write the time into the image.
//
// Invariants:
//   - It is pure. The same files and label give the same bytes: all times are 2000-01-01, and everything belongs to root.
//   - Files are readable by root only.
package isoimage

import (
	"fmt"
	"io/fs"
	"strings"
)

// File is a file of an image. Path has slashes and no slash at its beginning.
type File struct {
	Path string
	Data []byte
}

// The bounds of images: what config drives never reach.
const (
	MaxLabel = 16       // characters: Joliet has 32 bytes, of two each
	MaxName  = 30       // characters of one part of a path (ECMA-119 section 7.5.1)
	MaxBytes = 64 << 20 // of all files together
)

// blockSize is the size of a logical block in bytes (ECMA-119 section 6.2.2).
const blockSize = 2048

// Bytes makes an image. It fails if the label or a path cannot be written, or if two paths are the same without regard to case.
func Bytes(label string, files []File) ([]byte, error) {
	if label == "" || len(label) > MaxLabel || strings.ContainsFunc(label, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("label %q of an ISO image: use 1 to %d printable ASCII characters", label, MaxLabel)
	}
	root := &folder{}
	total := 0
	for _, f := range files {
		if !fs.ValidPath(f.Path) || f.Path == "." {
			return nil, fmt.Errorf("%q is no path in an ISO image", f.Path)
		}
		if err := root.add(strings.Split(f.Path, "/"), f.Data); err != nil {
			return nil, fmt.Errorf("%s in an ISO image: %w", f.Path, err)
		}
		if total += len(f.Data); total > MaxBytes {
			return nil, fmt.Errorf("the files of an ISO image have more than %d bytes", MaxBytes)
		}
	}
	return layOut(root).write(label), nil
}

// layout says at which block everything is.
type layout struct {
	root       *folder
	names      [2]naming // primary, Joliet
	tables     [2]tables
	extension  int // the block with the rest of the Rock Ridge entries of the root
	blocks     int
	fileBlocks map[*entry]int
}

// tables are the two copies of a path table, and its size in bytes.
type tables struct{ little, big, size int }

// firstDescriptor is the block of the first volume descriptor. What is before belongs to nobody (ECMA-119 section 6.2.1).
const firstDescriptor = 16

// layOut gives a block to everything: descriptors, path tables, folders under both kinds of names, files.
func layOut(root *folder) *layout {
	l := &layout{root: root, names: [2]naming{primary(root), joliet(root)}, fileBlocks: map[*entry]int{}}
	next := firstDescriptor + 3
	take := func(bytes int) int {
		at := next
		next += blocksOf(bytes)
		return at
	}
	for i := range l.names {
		n := &l.names[i]
		t := &l.tables[i]
		t.size = len(n.pathTable(false))
		t.little, t.big = take(t.size), take(t.size)
	}
	for i := range l.names {
		n := &l.names[i]
		for _, d := range n.folders {
			n.block[d] = take(n.size(d))
		}
	}
	l.extension = take(blockSize) // behind the folders: libarchive reads images in one direction
	root.files(func(e *entry) { l.fileBlocks[e] = take(len(e.data)) })
	l.blocks = next
	return l
}

// blocksOf is how many blocks so many bytes need; at least one.
func blocksOf(bytes int) int { return max(1, (bytes+blockSize-1)/blockSize) }

// write writes everything into its blocks.
func (l *layout) write(label string) []byte {
	image := make([]byte, l.blocks*blockSize)
	at := func(block int) []byte { return image[block*blockSize:] }
	for i := range l.names {
		n := &l.names[i]
		copy(at(firstDescriptor+i), l.descriptor(i, label))
		copy(at(l.tables[i].little), n.pathTable(false))
		copy(at(l.tables[i].big), n.pathTable(true))
		for _, d := range n.folders {
			copy(at(n.block[d]), l.folder(i, d))
		}
	}
	copy(at(firstDescriptor+2), "\xffCD001\x01")
	copy(at(l.extension), rockRidgeReference())
	l.root.files(func(e *entry) { copy(at(l.fileBlocks[e]), e.data) })
	return image
}
