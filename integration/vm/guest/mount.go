package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"weft/integration/vm/agent"
)

// The folders in the initramfs from which the new root is made.
const (
	lower = "/lower" // the machine's files
	upper = "/upper" // what is written
	root  = "/root"  // both
)

// mount is one file system.
type mount struct {
	source, target, kind string
	flags                uintptr
	data                 string
}

// p9 is the options of both 9p file systems. A large message size saves round trips.
const p9 = "trans=virtio,version=9p2000.L,msize=262144"

// mountRoot makes the machine's files, under an overlay in memory, the root of every process and of the kernel itself. A chroot of a
// child would not be enough, because the kernel loads modules by running modprobe under the first process's root.
func mountRoot(b agent.Boot) error {
	machine := mount{agent.RootTag, lower, "9p", unix.MS_RDONLY, p9 + ",cache=loose"}
	share := mount{agent.ShareTag, root + b.Share, "9p", 0, p9}
	if b.UserMode {
		machine = mount{"machine", lower, "hostfs", unix.MS_RDONLY, "/"}
		share = mount{"share", root + b.Share, "hostfs", 0, b.Share}
	}
	layers := []mount{machine, {"tmpfs", upper, "tmpfs", 0, "size=75%"}}
	if err := mountAll(layers); err != nil {
		return err
	}
	for _, dir := range []string{upper + "/data", upper + "/work"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	system := []mount{
		{"overlay", root, "overlay", 0, "lowerdir=" + lower + ",upperdir=" + upper + "/data,workdir=" + upper + "/work"},
		{"proc", root + "/proc", "proc", 0, ""},
		{"sysfs", root + "/sys", "sysfs", 0, ""},
		{"cgroup2", root + "/sys/fs/cgroup", "cgroup2", 0, ""},
		{"devtmpfs", root + "/dev", "devtmpfs", 0, ""},
		{"devpts", root + "/dev/pts", "devpts", 0, "ptmxmode=666"},
		{"tmpfs", root + "/dev/shm", "tmpfs", 0, ""},
		{"tmpfs", root + "/run", "tmpfs", 0, "size=50%,mode=755"},
		{root + b.ModuleFolder, root + "/usr/lib/modules", "", unix.MS_BIND, ""},
		share,
	}
	if err := mountAll(system); err != nil {
		return err
	}
	if err := switchRoot(); err != nil {
		return err
	}
	return settle()
}

func mountAll(mounts []mount) error {
	for _, m := range mounts {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.source, m.target, err)
		}
	}
	return nil
}

// switchRoot moves the new root over the initramfs. It removes the initramfs's files first, so that they do not stay in memory.
func switchRoot() error {
	for _, path := range []string{"/init", "/modules", agent.BootFile} {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	return os.Chdir("/")
}

// settle makes what programs expect: a folder for temporary files, links in /dev, /run/lock.
func settle() error {
	for _, dir := range []string{agent.ScratchFolder, "/run/lock", "/run/netns"} {
		if err := os.MkdirAll(dir, 0o1777); err != nil {
			return err
		}
	}
	for link, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"} {
		if err := os.Symlink(to, filepath.Join("/dev", link)); err != nil {
			return err
		}
	}
	if err := makeNodes(); err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	return unix.Sethostname([]byte("weft-vm"))
}

// loopbackUp sets the only link up (netdevice(7)).
func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, request)
}
