package isoimage

import (
	"encoding/binary"
	"testing"
)

// read reads the files of a volume of the image. name finds the name of a record by its identifier and what follows it.
func read(t *testing.T, image []byte, volume int, name func(id string, rest []byte) string) map[string]string {
	t.Helper()
	root := image[(firstDescriptor+volume)*blockSize+156:][:34]
	all := map[string]string{}
	readFolder(t, image, root, "", name, all)
	return all
}

func extent(image, record []byte) []byte {
	start, size := int(binary.LittleEndian.Uint32(record[2:]))*blockSize, int(binary.LittleEndian.Uint32(record[10:]))
	return image[start : start+size]
}

func readFolder(t *testing.T, image, record []byte, path string, name func(string, []byte) string, all map[string]string) {
	t.Helper()
	records := extent(image, record)
	if len(records)%blockSize != 0 {
		t.Errorf("folder %q has %d bytes, no whole blocks", path, len(records))
	}
	before := ""
	for at := 0; at < len(records); {
		n := int(records[at])
		if n == 0 {
			at = (at/blockSize + 1) * blockSize
			continue
		}
		one := records[at : at+n]
		if at/blockSize != (at+n-1)/blockSize {
			t.Errorf("a record of %q crosses a block", path)
		}
		at += n
		id := string(one[33 : 33+int(one[32])])
		if id <= before && before > "\x01" {
			t.Errorf("%q: %q comes after %q", path, id, before)
		}
		before = id
		if id == "\x00" || id == "\x01" {
			continue
		}
		full := path + name(id, one[33+len(id)+(len(id)+1)%2:])
		if one[25]&2 != 0 {
			readFolder(t, image, one, full+"/", name, all)
			continue
		}
		all[full] = string(extent(image, one))
	}
}

func rockRidgeName(_ string, entries []byte) string {
	for len(entries) >= 4 && entries[2] >= 4 {
		if string(entries[:2]) == "NM" {
			return string(entries[5:entries[2]])
		}
		entries = entries[entries[2]:]
	}
	return "(no name)"
}

func jolietName(id string, _ []byte) string {
	var name []byte
	for i := 1; i < len(id); i += 2 {
		name = append(name, id[i])
	}
	return string(name)
}
