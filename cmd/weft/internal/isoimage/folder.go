package isoimage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// folder is a folder of an image, entry one name in it: a file, or a folder below.
type folder struct {
	parent  *folder // nil for the root
	name    string
	entries []*entry
}

type entry struct {
	name string
	sub  *folder // nil for a file
	data []byte
}

// maxDepth is how deep folders may be, the root included (ECMA-119 section 6.8.2.1).
const maxDepth = 8

// add adds a file, and the folders above it.
func (d *folder) add(path []string, data []byte) error {
	if len(path) >= maxDepth {
		return fmt.Errorf("it is deeper than %d folders", maxDepth-1)
	}
	for _, name := range path {
		if len(name) > MaxName || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`*/:;?\`, r) }) {
			return fmt.Errorf("use names of at most %d printable ASCII characters without * : ; ? and \\", MaxName)
		}
	}
	for _, name := range path[:len(path)-1] {
		e, err := d.named(name)
		switch {
		case err != nil:
			return err
		case e == nil:
			e = &entry{name: name, sub: &folder{parent: d, name: name}}
			d.entries = append(d.entries, e)
		case e.sub == nil:
			return fmt.Errorf("%s is a file too", name)
		}
		d = e.sub
	}
	name := path[len(path)-1]
	if e, err := d.named(name); e != nil || err != nil {
		return errors.Join(err, errors.New("it is there already"))
	}
	d.entries = append(d.entries, &entry{name: name, data: data})
	return nil
}

// named finds an entry. Names that the primary volume cannot tell apart are an error.
func (d *folder) named(name string) (*entry, error) {
	for _, e := range d.entries {
		if e.name == name {
			return e, nil
		}
		if identifier(e.name, true) == identifier(name, true) {
			return nil, fmt.Errorf("%s and %s are the same name without Rock Ridge", e.name, name)
		}
	}
	return nil, nil
}

// files calls do for each file, in the order of names.
func (d *folder) files(do func(*entry)) {
	for _, e := range sortedBy(d.entries, func(e *entry) string { return e.name }) {
		if e.sub != nil {
			e.sub.files(do)
		} else {
			do(e)
		}
	}
}

func sortedBy(entries []*entry, name func(*entry) string) []*entry {
	return slices.SortedFunc(slices.Values(entries), func(a, b *entry) int { return strings.Compare(name(a), name(b)) })
}

// naming is one kind of names: those of the primary volume, or Joliet's.
type naming struct {
	id      func(*entry) string // the identifier in records
	folders []*folder           // breadth first, as path tables have them (ECMA-119 section 6.9.1)
	number  map[*folder]int     // in the path table, from 1
	block   map[*folder]int
	extra   func(*entry) int // bytes of Rock Ridge entries in the record of an entry; of "." and ".." for nil
}

func primary(root *folder) naming {
	return newNaming(root, func(e *entry) string { return identifier(e.name, e.sub != nil) }, func(e *entry) int { return len(rockRidge(e, false, 0)) })
}

func joliet(root *folder) naming {
	return newNaming(root, func(e *entry) string { return ucs2(e.name) }, func(*entry) int { return 0 })
}

func newNaming(root *folder, id func(*entry) string, extra func(*entry) int) naming {
	n := naming{id: id, folders: []*folder{root}, number: map[*folder]int{}, block: map[*folder]int{}, extra: extra}
	for i := 0; i < len(n.folders); i++ {
		n.number[n.folders[i]] = i + 1
		for _, e := range sortedBy(n.folders[i].entries, id) {
			if e.sub != nil {
				n.folders = append(n.folders, e.sub)
			}
		}
	}
	return n
}

// identifier is a name in the characters of the primary volume (ECMA-119 section 7.4.1), with the version that files have.
func identifier(name string, folder bool) string {
	stem, extension, _ := strings.Cut(name, ".")
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		stem, extension = name[:dot], name[dot+1:]
	}
	plain := func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		}
		return '_'
	}
	if folder {
		return strings.Map(plain, name)
	}
	return strings.Map(plain, stem) + "." + strings.Map(plain, extension) + ";1"
}

// ucs2 is a name in the characters of Joliet.
func ucs2(name string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(name)) {
		b = binary.BigEndian.AppendUint16(b, u)
	}
	return string(b)
}

// pathTable is the path table (ECMA-119 section 9.4) in one byte order.
func (n *naming) pathTable(big bool) []byte {
	var b []byte
	for _, d := range n.folders {
		id, parent := "\x00", 1
		if d.parent != nil {
			id = n.id(&entry{name: d.name, sub: d})
			parent = n.number[d.parent]
		}
		b = append(b, byte(len(id)), 0)
		if big {
			b = binary.BigEndian.AppendUint32(b, uint32(n.block[d]))
			b = binary.BigEndian.AppendUint16(b, uint16(parent))
		} else {
			b = binary.LittleEndian.AppendUint32(b, uint32(n.block[d]))
			b = binary.LittleEndian.AppendUint16(b, uint16(parent))
		}
		b = append(b, id...)
		if len(id)%2 == 1 {
			b = append(b, 0)
		}
	}
	return b
}

// size is that of a folder in bytes, in whole blocks. No record crosses the end of a block.
func (n *naming) size(d *folder) int {
	used := recordSize(1, n.dots(d)) + recordSize(1, n.extra(nil))
	for _, e := range d.entries {
		r := recordSize(len(n.id(e)), n.extra(e))
		if used%blockSize+r > blockSize {
			used = blocksOf(used) * blockSize
		}
		used += r
	}
	// The order of records decides where gaps are. One more block has room for all of them.
	if used > blockSize {
		used += blockSize
	}
	return blocksOf(used) * blockSize
}

// dots is the size of the Rock Ridge entries of ".". The root has more.
func (n *naming) dots(d *folder) int {
	if n.extra(nil) > 0 && d.parent == nil {
		return len(rockRidge(nil, true, 0))
	}
	return n.extra(nil)
}
