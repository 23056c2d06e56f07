package vm

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
)

// The clock of user-mode Linux, see user-mode/vdso.c.
var (
	//go:embed user-mode/vdso.c
	userModeVDSO []byte
	//go:embed user-mode/clock.h
	userModeClock []byte
	//go:embed user-mode/filter.h
	userModeFilter []byte
)

// Files of the kernel's source that the clock is in, and where the filter of system calls begins.
const (
	vdsoFile    = "arch/x86/um/vdso/um_vdso.c"
	vdsoMapFile = "arch/x86/um/vdso/vma.c"
	filterFile  = "arch/um/kernel/skas/stub_exe.c"
	filterBegin = "struct sock_filter filter[] = {\n"
)

// changeClock makes programs read the clock without a system call of user-mode Linux. The source may be newer than what is known here. An
// error says that it has other parts, and then nothing is changed.
func changeClock(tree string) error {
	filter, err := os.ReadFile(filepath.Join(tree, filterFile))
	if err != nil {
		return err
	}
	if n := bytes.Count(filter, []byte(filterBegin)); n != 1 {
		return fmt.Errorf("%s has %q %d times, want once", filterFile, filterBegin, n)
	}
	vdsoMap, err := os.ReadFile(filepath.Join(tree, vdsoMapFile))
	if err != nil {
		return err
	}
	for _, known := range []string{"static struct page *um_vdso;", "extern char vdso_start[], vdso_end[];"} {
		if !bytes.Contains(vdsoMap, []byte(known)) {
			return fmt.Errorf("%s has no %q", vdsoMapFile, known)
		}
	}
	if _, err := os.Stat(filepath.Join(tree, vdsoFile)); err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{
		{vdsoFile, userModeVDSO},
		{vdsoMapFile, append(vdsoMap, userModeClock...)},
		{filterFile, bytes.Replace(filter, []byte(filterBegin), append([]byte(filterBegin), userModeFilter...), 1)},
	} {
		if err := os.WriteFile(filepath.Join(tree, f.name), f.data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
