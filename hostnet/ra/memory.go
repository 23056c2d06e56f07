package ra

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
)

// record is what the guest on one device may believe.
type record struct {
	OwnerUID string    `json:"ownerUID"`
	Promises []promise `json:"promises"`
}

// memory keeps a record for each device, and a file with it, so that a restarted weftd can withdraw what the previous one told.
// Files are not synced: if the host crashes, the guests are gone too.
type memory struct {
	dir string // if empty, nothing is kept on disk
	log *slog.Logger

	mu      sync.Mutex
	records map[string]record // by device
}

const recordSuffix = ".json"

// openMemory reads the records in the directory. It removes records of devices that do not exist any more, because their guests
// are gone too.
func openMemory(dir string, log *slog.Logger) *memory {
	m := &memory{dir: dir, log: log, records: map[string]record{}}
	if dir == "" {
		return m
	}
	if err := m.load(); err != nil {
		log.Warn("cannot read what guests were told before: what became wrong meanwhile is not withdrawn", "error", err)
	}
	return m
}

func (m *memory) load() error {
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return err
	}
	links, err := net.Interfaces()
	if err != nil {
		return fmt.Errorf("list devices: %w", err)
	}
	present := map[string]bool{}
	for _, l := range links {
		present[l.Name] = true
	}
	var errs []error
	for _, e := range entries {
		device, ok := strings.CutSuffix(e.Name(), recordSuffix)
		if !ok || !present[device] {
			errs = append(errs, os.Remove(filepath.Join(m.dir, e.Name())))
			continue
		}
		r, err := readRecord(m.path(device))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		m.records[device] = r
	}
	return errors.Join(errs...)
}

func readRecord(path string) (r record, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return record{}, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return record{}, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func (m *memory) path(device string) string { return filepath.Join(m.dir, device+recordSuffix) }

// of is what the owner's guest on the device may believe.
func (m *memory) of(device, owner string) []promise {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.records[device]; r.OwnerUID == owner {
		return r.Promises
	}
	return nil
}

// keep replaces what is remembered of the device. The file is written before the guest is told, so that the next process always
// knows. A disk error is only logged, because the guest matters more.
func (m *memory) keep(device string, r record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, known := m.records[device]
	if len(r.Promises) == 0 {
		m.drop(device, known)
		return
	}
	if known && reflect.DeepEqual(old, r) {
		return
	}
	m.records[device] = r
	if m.dir == "" || filepath.Base(device) != device {
		return
	}
	if err := m.write(device, r); err != nil {
		m.log.Warn("cannot keep on disk what a guest is told", "device", device, "error", err)
	}
}

// forget removes what is remembered of the device.
func (m *memory) forget(device string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, known := m.records[device]
	m.drop(device, known)
}

// drop removes a record. The lock is held.
func (m *memory) drop(device string, known bool) {
	if !known {
		return
	}
	delete(m.records, device)
	if m.dir == "" {
		return
	}
	if err := os.Remove(m.path(device)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.log.Warn("cannot remove the record of what a guest was told", "device", device, "error", err)
	}
}

// write replaces the file atomically.
func (m *memory) write(device string, r record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	next := filepath.Join(m.dir, device+".next")
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return err
	}
	return os.Rename(next, m.path(device))
}
