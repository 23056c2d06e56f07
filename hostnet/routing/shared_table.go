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

// All namespaces of a machine share the kernel's two neighbour tables, one for each family, and its table of tracked connections.
//
// By default a neighbour table holds 1,024 entries, which is meant for a single host. gc_thresh3 bounds the entries. Above
// gc_thresh2 entries are evicted after five seconds, below gc_thresh1 never (Documentation/networking/ip-sysctl.rst). Permanent
// entries do not count. The connection table holds 262,144 entries. Each connection of a router takes two of them.
const (
	// Bytes of the machine's memory for each possible entry of a table. The entries take less than a twentieth of that memory.
	memoryPerNeighbor   = 64 << 10
	memoryPerConnection = 8 << 10

	minNeighborTable, maxNeighborTable     = 16 << 10, 1 << 20
	minConnectionTable, maxConnectionTable = 256 << 10, 4 << 20
)

// sharedTables are the files that bound the tables, with their minimum values, in the order in which they are raised.
func sharedTables(memory uint64) []setting {
	var all []setting
	add := func(file string, n uint64) { all = append(all, setting{file: file, value: strconv.FormatUint(n, 10)}) }
	size := min(max(memory/memoryPerNeighbor, minNeighborTable), maxNeighborTable)
	for _, family := range []string{"ipv4", "ipv6"} {
		for i, n := range []uint64{size, size / 2, size / 8} {
			add(fmt.Sprintf("%s/neigh/default/gc_thresh%d", family, 3-i), n)
		}
	}
	add("netfilter/nf_conntrack_max", min(max(memory/memoryPerConnection, minConnectionTable), maxConnectionTable))
	return all
}

// raiseTables makes the tables as large as the machine's memory allows. A larger value stays. It returns what it changed. Only
// the machine's initial network namespace has the neighbour thresholds.
func raiseTables(root string, memory uint64) (raised []string, err error) {
	for i, s := range sharedTables(memory) {
		b, err := os.ReadFile(path.Join(root, s.file))
		if errors.Is(err, fs.ErrNotExist) && i == 0 {
			return nil, nil
		}
		if errors.Is(err, fs.ErrNotExist) { // the kernel has no IPv6, or has not tracked any connection yet
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

// memorySize is the machine's memory in bytes, from /proc/meminfo.
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

// raiseTables checks the tables at each reading of the host, and logs what it changed.
func (d *Driver) raiseTables() {
	var raised []string
	memory, err := memorySize()
	if err == nil {
		err = d.space("").ns.Do(func() (err error) { raised, err = raiseTables(settingRoot, memory); return err })
	}
	if len(raised) > 0 {
		d.log.Info("raised the limits of the kernel's tables that all networks share", "raised", strings.Join(raised, ", "))
	}
	if err != nil {
		d.log.Warn("the kernel's tables that all networks share stay as small as they are: raise net.ipv4.neigh.default.gc_thresh3, "+
			"that of ipv6, and net.netfilter.nf_conntrack_max by sysctl.d", "error", err)
	}
}
