package daemon

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mapping is a part of the address space that shows a file.
type mapping struct {
	first, end uintptr
	clean      bool // only read, and the same as the file everywhere
}

// forgetProgram unmaps the pages of the program's file. The kernel maps sixteen pages for each one that is touched, and the start touches
// most of the file once. At rest a quarter of it is used. What is used again comes back from the page cache, without reading the disk. The
// kernel can take pages that nobody has mapped when memory is short.
func forgetProgram(all []mapping) error {
	for _, m := range all {
		if !m.clean {
			continue
		}
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.first, m.end-m.first, unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("%#x-%#x: %w", m.first, m.end, errno)
		}
	}
	return nil
}

// ownMappings are the mappings of this program's file. What is clean stays clean, because nobody may write there.
func ownMappings() ([]mapping, error) {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return nil, err
	}
	defer maps.Close()
	return programMappings(maps, path)
}

// programMappings finds the mappings of the file in the text of /proc/PID/smaps (proc(5)).
func programMappings(smaps io.Reader, path string) (found []mapping, err error) {
	current := -1 // the one that the lines are about
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) >= 5 && strings.Contains(f[0], "-") && !strings.HasSuffix(f[0], ":") {
			current = -1
			if len(f) < 6 || strings.Join(f[5:], " ") != path {
				continue
			}
			m, err := parseMapping(f[0], f[1])
			if err != nil {
				return nil, err
			}
			found, current = append(found, m), len(found)
			continue
		}
		// What was written to is not in the file, and would be lost.
		if current >= 0 && len(f) >= 2 && f[0] == "Anonymous:" && f[1] != "0" {
			found[current].clean = false
		}
	}
	return found, lines.Err()
}

func parseMapping(addresses, rights string) (m mapping, err error) {
	first, end, _ := strings.Cut(addresses, "-")
	for text, to := range map[string]*uintptr{first: &m.first, end: &m.end} {
		n, err := strconv.ParseUint(text, 16, 64)
		if err != nil {
			return m, fmt.Errorf("mapping %q: %w", addresses, err)
		}
		*to = uintptr(n)
	}
	m.clean = !strings.Contains(rights, "w")
	return m, nil
}
