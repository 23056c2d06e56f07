package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"weft/etcdschema"
)

// stateFile remembers across restarts which etcd was seen, and up to which revision.
type stateFile struct {
	path string // empty: nothing is remembered
	last etcdschema.Seen
}

type stateRecord struct {
	ClusterID uint64 `json:"clusterID,string"`
	Revision  int64  `json:"revision"`
}

// maxStateBytes bounds what is read back.
const maxStateBytes = 4096

func openStateFile(dir string) (*stateFile, error) {
	if dir == "" {
		return &stateFile{}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	return &stateFile{path: filepath.Join(dir, "seen.json")}, nil
}

// load reads what was seen; nothing when there is no file. A file that cannot be read is an error, because without it nobody would
// notice that etcd went back.
func (f *stateFile) load() (etcdschema.Seen, error) {
	if f.path == "" {
		return etcdschema.Seen{}, nil
	}
	data, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return etcdschema.Seen{}, nil
	}
	if err != nil {
		return etcdschema.Seen{}, fmt.Errorf("state file: %w", err)
	}
	var r stateRecord
	if len(data) > maxStateBytes {
		err = fmt.Errorf("%d bytes, at most %d are expected", len(data), maxStateBytes)
	} else {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		return etcdschema.Seen{}, fmt.Errorf("state file %s: %w: remove it if etcd is the right one", f.path, err)
	}
	f.last = etcdschema.Seen{ClusterID: r.ClusterID, Revision: r.Revision}
	return f.last, nil
}

// save writes what was seen to a new file, which then replaces the old one.
func (f *stateFile) save(s etcdschema.Seen) error {
	if f.path == "" || s == f.last {
		return nil
	}
	data, err := json.Marshal(stateRecord{s.ClusterID, s.Revision})
	if err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	if err := os.WriteFile(f.path+".new", data, 0o600); err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	if err := os.Rename(f.path+".new", f.path); err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	f.last = s
	return nil
}
