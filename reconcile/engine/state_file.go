package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"weft/model/desired"
)

const (
	stateFileName    = "slice.json" // the name that former versions gave it, so that they find each other's
	stateFileVersion = 1
	// maxStateFile bounds what is read. A node config of 20,000 ports takes about 10 MiB.
	maxStateFile = 256 << 20
	// stateFileDelay is how long changes are collected before the file is written again.
	stateFileDelay = time.Second
)

// savedState is the last good node config as it is on disk.
type savedState struct {
	ClusterID uint64      `json:"clusterID"`
	Revision  int64       `json:"revision"` // the highest seen of that cluster
	Held      string      `json:"held,omitempty"`
	HeldSince time.Time   `json:"heldSince,omitzero"`
	Items     []savedItem `json:"items"`
}

// savedItem is one item with the value it has in etcd.
type savedItem struct {
	Kind  desired.Kind `json:"kind"`
	UID   string       `json:"uid"`
	Value string       `json:"value"`
}

func (i savedItem) key() desired.Key { return desired.Key{Kind: i.Kind, UID: i.UID} }

// savedFile is the file. The checksum is the SHA-256 of the bytes of State.
type savedFile struct {
	Version  int             `json:"version"`
	Checksum string          `json:"checksum"`
	State    json.RawMessage `json:"state"`
}

// stateFile keeps the last good node config on disk without delaying the loop. With an empty dir it keeps nothing.
type stateFile struct {
	dir  string
	log  *slog.Logger
	next chan savedState // holds the newest state to write
}

func newStateFile(dir string, log *slog.Logger) *stateFile {
	return &stateFile{dir: dir, log: log, next: make(chan savedState, 1)}
}

// load reads the file. A file that cannot be used is logged and treated as missing.
func (f *stateFile) load() savedState {
	if f.dir == "" {
		return savedState{}
	}
	s, err := readState(filepath.Join(f.dir, stateFileName))
	if errors.Is(err, fs.ErrNotExist) {
		return savedState{}
	}
	if err != nil {
		f.log.Error("cannot use the state file, starting without it", "error", err)
		return savedState{}
	}
	return s
}

func readState(path string) (savedState, error) {
	file, err := os.Open(path)
	if err != nil {
		return savedState{}, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxStateFile))
	if err != nil {
		return savedState{}, err
	}
	var outer savedFile
	if err := json.Unmarshal(data, &outer); err != nil {
		return savedState{}, fmt.Errorf("%s: %w", path, err)
	}
	if outer.Version != stateFileVersion {
		return savedState{}, fmt.Errorf("%s: version %d, this weftd knows %d", path, outer.Version, stateFileVersion)
	}
	if checksum(outer.State) != outer.Checksum {
		return savedState{}, fmt.Errorf("%s: the checksum does not match, the file is damaged", path)
	}
	var s savedState
	if err := json.Unmarshal(outer.State, &s); err != nil {
		return savedState{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func checksum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// save gives the newest state to the writer and never waits. Only the loop calls it.
func (f *stateFile) save(s savedState) {
	if f.dir == "" {
		return
	}
	select {
	case <-f.next: // not written yet, and outdated
	default:
	}
	f.next <- s
}

// run writes states until ctx ends, then writes the last one.
func (f *stateFile) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			select {
			case s := <-f.next:
				f.write(s)
			default:
			}
			return nil
		case s := <-f.next:
			f.write(s)
		}
	}
}

func (f *stateFile) write(s savedState) {
	if err := writeState(f.dir, s); err != nil {
		f.log.Error("cannot keep the last good node config on disk", "error", err)
	}
}

// writeState replaces the file in one step. A reader finds the old or the new one, complete, even after a power failure.
func writeState(dir string, s savedState) error {
	state, err := json.Marshal(s)
	if err != nil {
		return err
	}
	data, err := json.Marshal(savedFile{stateFileVersion, checksum(state), state})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, stateFileName+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // of no effect after the rename
	if _, err := tmp.Write(data); err != nil {
		tmp.Close()
		return err
	}
	if err := errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), filepath.Join(dir, stateFileName)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
