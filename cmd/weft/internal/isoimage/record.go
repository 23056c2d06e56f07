package isoimage

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// both32 and both16 are a number in both byte orders (ECMA-119 sections 7.2.3 and 7.3.3).
func both32(v int) []byte {
	return binary.BigEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(v)), uint32(v))
}

func both16(v int) []byte {
	return binary.BigEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, uint16(v)), uint16(v))
}

// recordSize is the size of a directory record (ECMA-119 section 9.1), which is even.
func recordSize(id, extra int) int { return (33+id+1)/2*2 + extra }

// record is a directory record, with Rock Ridge entries.
func record(block, bytes int, folder bool, id string, extra []byte) []byte {
	b := []byte{byte(recordSize(len(id), len(extra))), 0}
	b = append(append(b, both32(block)...), both32(bytes)...)
	b = append(b, 100, 1, 1, 0, 0, 0, 0) // 2000-01-01 00:00:00 UTC
	flags := byte(0)
	if folder {
		flags = 2
	}
	b = append(b, flags, 0, 0)
	b = append(append(b, both16(1)...), byte(len(id)))
	b = append(b, id...)
	if len(b)%2 == 1 {
		b = append(b, 0)
	}
	return append(b, extra...)
}

// folder is a folder's records: itself, the folder above, and all entries in the order of their identifiers.
func (l *layout) folder(kind int, d *folder) []byte {
	n := &l.names[kind]
	b := make([]byte, 0, n.size(d))
	var own, other []byte
	if n.extra(nil) > 0 {
		own, other = rockRidge(nil, d.parent == nil, l.extension), rockRidge(nil, false, 0)
	}
	up := d
	if d.parent != nil {
		up = d.parent
	}
	b = append(b, record(n.block[d], n.size(d), true, "\x00", own)...)
	b = append(b, record(n.block[up], n.size(up), true, "\x01", other)...)
	for _, e := range sortedBy(d.entries, n.id) {
		block, size := l.fileBlocks[e], len(e.data)
		if e.sub != nil {
			block, size = n.block[e.sub], n.size(e.sub)
		}
		var extra []byte
		if n.extra(nil) > 0 {
			extra = rockRidge(e, false, 0)
		}
		r := record(block, size, e.sub != nil, n.id(e), extra)
		if len(b)%blockSize+len(r) > blockSize {
			b = append(b, make([]byte, blockSize-len(b)%blockSize)...)
		}
		b = append(b, r...)
	}
	return b
}

// rockRidge are the entries of a record (IEEE P1281 and P1282): mode and owner, and the name. e is nil for "." and "..". The "." of the
// root begins with the sign of the protocol, and says where the reference to Rock Ridge is.
func rockRidge(e *entry, root bool, extension int) []byte {
	var b []byte
	if root {
		b = append(b, 'S', 'P', 7, 1, 0xbe, 0xef, 0)
	}
	mode, links := 0o040700, 2
	if e != nil && e.sub == nil {
		mode, links = 0o100600, 1
	}
	b = append(b, 'P', 'X', 36, 1)
	for _, v := range []int{mode, links, 0, 0} {
		b = append(b, both32(v)...)
	}
	if e != nil {
		b = append(b, 'N', 'M', byte(5+len(e.name)), 1, 0)
		b = append(b, e.name...)
	}
	if root {
		b = append(b, 'C', 'E', 28, 1)
		for _, v := range []int{extension, 0, len(rockRidgeReference())} {
			b = append(b, both32(v)...)
		}
	}
	if len(b)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

// rockRidgeReference says that the entries are those of Rock Ridge (IEEE P1282 section 4.3).
func rockRidgeReference() []byte {
	const id, text, source = "RRIP_1991A", "THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS",
		"SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR FOR CONTACT INFORMATION"
	b := []byte{'E', 'R', byte(8 + len(id) + len(text) + len(source)), 1, byte(len(id)), byte(len(text)), byte(len(source)), 1}
	return append(append(append(b, id...), text...), source...)
}

// descriptor is a volume descriptor (ECMA-119 sections 8.4 and 8.5): the primary one, or Joliet's.
func (l *layout) descriptor(kind int, label string) []byte {
	n, t := &l.names[kind], l.tables[kind]
	text := func(s string, size int) []byte { return append([]byte(s), strings.Repeat(" ", size-len(s))...) }
	escapes := make([]byte, 32)
	first := byte(1)
	if kind == 1 {
		first = 2
		copy(escapes, "%/E") // UCS-2, level 3
		text = func(s string, size int) []byte {
			wide := ucs2(s + strings.Repeat(" ", size/2-len(s)))
			return append([]byte(wide), make([]byte, size-len(wide))...)
		}
	}
	var b bytes.Buffer
	add := func(parts ...[]byte) {
		for _, p := range parts {
			b.Write(p)
		}
	}
	add([]byte{first}, []byte("CD001\x01\x00"), text("", 32), text(label, 32), make([]byte, 8), both32(l.blocks), escapes)
	add(both16(1), both16(1), both16(blockSize), both32(t.size))
	add(binary.LittleEndian.AppendUint32(nil, uint32(t.little)), make([]byte, 4))
	add(binary.BigEndian.AppendUint32(nil, uint32(t.big)), make([]byte, 4))
	add(record(n.block[l.root], n.size(l.root), true, "\x00", nil))
	add(text("", 128), text("", 128), text("", 128), text("", 128), text("", 37), text("", 37), text("", 37))
	for range 2 { // made and changed
		add([]byte("2000010100000000\x00"))
	}
	for range 2 { // expires and counts from: not specified
		add([]byte("0000000000000000\x00"))
	}
	add([]byte{1})
	return b.Bytes()
}
