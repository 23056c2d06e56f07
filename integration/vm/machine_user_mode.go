package vm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"weft/integration/timescale"
	"weft/integration/vm/agent"
)

// userModeScale is how much longer waits are under user-mode Linux. Programs compute at the machine's own speed there, but a system call
// costs 20 times as much and more, a page fault 10 times and an exec 7 times.
const userModeScale = 10

const userModeTimeout = bootTimeout // two seconds on an idle machine

// userModeCommandLine: noreboot ends the program after a panic. The first serial line is the connection to this package, on file
// descriptor 3. The console's output is on file descriptor 4. The kernel catches its programs' system calls by seccomp, or by ptrace
// if the machine does not permit that: seccomp costs half as much, and a quarter when all processors are busy.
const userModeCommandLine = "quiet noreboot panic=-1 con=null con0=null,fd:4 ssl0=fd:3 seccomp=auto"

// bootUserMode makes a virtual machine whose kernel is a program.
func bootUserMode(ctx context.Context, c Config) (*Machine, error) {
	if len(c.NICs) > 0 || c.Namespace != "" || c.CPUs > 1 {
		return nil, errors.New("vm: user-mode Linux has one processor and no hardware: Config.NICs, Namespace and CPUs are for QEMU")
	}
	k, err := findUserMode(ctx, c.Log)
	if err != nil {
		return nil, err
	}
	boot := agent.Boot{UserMode: true}
	start := func(_ context.Context, m *Machine, initramfs string) (net.Conn, error) {
		return m.startUserMode(c, k, initramfs)
	}
	return assemble(ctx, c, k, plan{string(UserMode), userModeScale, timescale.Bound(userModeTimeout), []string{"overlay"}, boot, start})
}

// startUserMode starts the kernel. Its programs are processes of the machine that the kernel traces. If only the kernel were killed, they
// would continue untraced, and the machine would carry out their system calls. Therefore the kernel is the first process of a PID
// namespace: when it ends, all of them end.
func (m *Machine) startUserMode(c Config, k Kernel, initramfs string) (net.Conn, error) {
	own, its, err := userModeLine()
	if err != nil {
		return nil, err
	}
	defer its.Close()
	console, err := os.Create(m.console())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("vm: %w", err), own.Close())
	}
	defer console.Close()
	memory := c.Memory
	if memory == 0 {
		memory = 3072
	}
	args := append(strings.Fields(userModeCommandLine), strings.Fields(c.Kernel)...)
	cmd := exec.Command(k.Image, append(args, "mem="+strconv.Itoa(memory)+"M", "initrd="+initramfs, "uml_dir="+m.dir+"/", "umid=kernel")...)
	cmd.ExtraFiles = []*os.File{its, console} // 3 and 4
	cmd.Env = []string{"TMPDIR=" + m.memoryFolder(memory)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if err := m.startProcess(cmd, c.Processor); err != nil {
		return nil, errors.Join(fmt.Errorf("%w (root is needed)", err), own.Close())
	}
	return own, nil
}

// memoryFolder is the folder of the unnamed file that is the virtual machine's memory. It is in the machine's memory if all of it fits
// there, because a full file system would end the kernel.
func (m *Machine) memoryFolder(megabytes int) string {
	const shared = "/dev/shm"
	var s unix.Statfs_t
	if err := unix.Statfs(shared, &s); err == nil && s.Type == unix.TMPFS_MAGIC && s.Bavail*uint64(s.Bsize)>>20 > uint64(megabytes) {
		return shared
	}
	return m.dir
}

// userModeLine is the connection to the first process. The other end is the kernel's.
func userModeLine() (net.Conn, *os.File, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("vm: line to the kernel: %w", err)
	}
	own, its := os.NewFile(uintptr(pair[0]), "line"), os.NewFile(uintptr(pair[1]), "line")
	defer own.Close()
	conn, err := net.FileConn(own) // with a descriptor of its own
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("vm: line to the kernel: %w", err), its.Close())
	}
	return conn, its, nil
}
