package routing

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// The kernel has two tables of neighbours, one for each family, which all namespaces of a machine share. By default they hold 1,024
// entries, which is made for a single host: gc_thresh3 bounds the entries, above gc_thresh2 they are thrown out after five
// seconds, below gc_thresh1 never (Documentation/networking/ip-sysctl.rst). Permanent entries do not count.
const (
	// memoryPerNeighbor in bytes of the machine's memory: an entry takes less than a hundredth of that.
	memoryPerNeighbor = 64 << 10
	minNeighborTable  = 16 << 10
	maxNeighborTable  = 1 << 20
)

// neighborThresholds are the files and what they should hold at least, in the order in which they are raised.
func neighborThresholds(memory uint64) []setting {
	size := min(max(memory/memoryPerNeighbor, minNeighborTable), maxNeighborTable)
	var all []setting
	for _, family := range []string{"ipv4", "ipv6"} {
		for i, n := range []uint64{size, size / 2, size / 8} {
			all = append(all, setting{file: fmt.Sprintf("%s/neigh/default/gc_thresh%d", family, 3-i), value: strconv.FormatUint(n, 10)})
		}
	}
	return all
}

// raiseNeighborTables makes the tables as large as the machine's memory allows. What somebody made larger stays. It returns what
// it changed. The files are there only in the machine's initial network namespace.
func raiseNeighborTables(root string, memory uint64) (raised []string, err error) {
	for _, s := range neighborThresholds(memory) {
		b, err := os.ReadFile(path.Join(root, s.file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var have, want uint64
		if err == nil {
			have, err = strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
		}
		if err == nil {
			want, err = strconv.ParseUint(s.value, 10, 64)
		}
		if err == nil && have < want {
			err = os.WriteFile(path.Join(root, s.file), []byte(s.value), 0)
			raised = append(raised, fmt.Sprintf("%s from %d to %d", dotted(s.file), have, want))
		}
		if err != nil {
			return raised, fmt.Errorf("setting %s: %w", dotted(s.file), err)
		}
	}
	return raised, nil
}

// memorySize is the machine's memory in bytes, as /proc/meminfo says.
func memorySize() (uint64, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kilobytes uint64
		if _, err := fmt.Sscanf(lines.Text(), "MemTotal: %d kB", &kilobytes); err == nil {
			return kilobytes << 10, nil
		}
	}
	return 0, errors.New("/proc/meminfo does not say how much memory there is")
}

// raiseNeighborTables looks after the tables once for each reading of the host, and says what it changed.
func (d *Driver) raiseNeighborTables() {
	home := d.space("")
	var raised []string
	memory, err := memorySize()
	if err == nil {
		err = home.ns.Do(func() (err error) { raised, err = raiseNeighborTables(settingRoot, memory); return err })
	}
	if len(raised) > 0 {
		d.log.Info("the kernel's neighbour tables, which all networks share, are larger now", "raised", strings.Join(raised, ", "))
	}
	if err != nil {
		d.log.Warn("the kernel's neighbour tables stay as small as they are: set net.ipv4.neigh.default.gc_thresh3 and that of ipv6 by sysctl.d",
			"error", err)
	}
}
