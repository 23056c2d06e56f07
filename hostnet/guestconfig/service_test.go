package guestconfig

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// served are the service's documents as files, for the golden.
func served(g Guest) (list []File) {
	files := Service(g)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		list = append(list, File{Path: path, Mode: 0o600, Data: files[path]})
	}
	return list
}

// TestServiceIsATree: what a folder lists is there, and everything that is there is listed.
func TestServiceIsATree(t *testing.T) {
	t.Parallel()
	for name, g := range guests() {
		files, listed := Service(g), map[string]bool{"/": true}
		for folder, data := range files {
			if !strings.HasSuffix(folder, "/") {
				continue
			}
			for entry := range strings.SplitSeq(string(data), "\n") {
				path := strings.TrimPrefix(folder, "/") + entry
				if index, _, ok := strings.Cut(entry, "="); ok {
					path = folder + index + "/"
				}
				switch {
				case files[path] != nil:
				case files[path+"/"] != nil: // versions are listed without a slash
					path += "/"
				default:
					t.Errorf("%s: %s lists %q, which is not there", name, folder, entry)
				}
				listed[path] = true
			}
		}
		for path := range files {
			if !listed[path] {
				t.Errorf("%s: %s is in no listing", name, path)
			}
		}
	}
}

// TestServiceSaysWhatTheConfigDriveSays: OpenStack's documents are the same bytes, in the same versions.
func TestServiceSaysWhatTheConfigDriveSays(t *testing.T) {
	t.Parallel()
	for name, g := range guests() {
		files, n := Service(g), 0
		for _, f := range OpenStack(g) {
			if !strings.HasPrefix(f.Path, "openstack/") {
				continue
			}
			if n++; string(files[f.Path]) != string(f.Data) {
				t.Errorf("%s: %s differs", name, f.Path)
			}
		}
		if n == 0 {
			t.Errorf("%s: the drive is empty", name)
		}
	}
}
