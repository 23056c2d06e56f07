package routing

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"weft/hostnet/netns"
)

// sysfs is the directory of one namespace's devices. It is a mount that is not in any file tree, and it ends with the file. The
// thread that makes the mount determines whose devices it shows.
type sysfs struct{ root *os.File }

func openSysfs(ns *netns.Space) (*sysfs, error) {
	var fd int
	err := ns.Do(func() error {
		var err error
		fd, err = mountSysfs()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("mount sysfs (needs CAP_SYS_ADMIN): %w", err)
	}
	return &sysfs{os.NewFile(uintptr(fd), "sysfs")}, nil
}

func mountSysfs() (int, error) {
	context, err := unix.Fsopen("sysfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return 0, fmt.Errorf("fsopen: %w", err)
	}
	defer unix.Close(context)
	if err := unix.FsconfigCreate(context); err != nil {
		return 0, fmt.Errorf("fsconfig: %w", err)
	}
	fd, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return 0, fmt.Errorf("fsmount: %w", err)
	}
	return fd, nil
}

func (s *sysfs) close() error { return s.root.Close() }

// open opens a file or directory in it.
func (s *sysfs) open(name string, flags int) (*os.File, error) {
	fd, err := unix.Openat(int(s.root.Fd()), name, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (s *sysfs) read(name string) (string, error) {
	f, err := s.open(name, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b := make([]byte, 4096) // the kernel returns a page at most
	n, err := f.Read(b)
	return strings.TrimSpace(string(b[:n])), err
}

func (s *sysfs) write(name, value string) error {
	f, err := s.open(name, unix.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// receiveQueues are the files that say on which processors received packets are handled (rps_cpus).
func (s *sysfs) receiveQueues(device string) ([]string, error) {
	queues := path.Join("class/net", device, "queues")
	dir, err := s.open(queues, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, n := range names {
		if strings.HasPrefix(n, "rx-") {
			files = append(files, path.Join(queues, n, "rps_cpus"))
		}
	}
	return files, nil
}

// threaded says that a kernel thread handles what the device receives, and that packet steering does not move that work
// elsewhere.
func (s *sysfs) threaded(device string) (bool, error) {
	on, err := s.read(path.Join("class/net", device, "threaded"))
	if err != nil || on != "1" {
		return false, err
	}
	files, err := s.receiveQueues(device)
	if err != nil {
		return false, err
	}
	for _, f := range files {
		mask, err := s.read(f)
		if err != nil || strings.Trim(mask, "0,") != "" {
			return false, err
		}
	}
	return true, nil
}

// thread makes a kernel thread handle what the device receives, or switches that off. Linux 6.1 refuses it for a device without
// NAPI. A veth has NAPI only while it is up with GRO.
func (s *sysfs) thread(device string, on bool) error {
	value := "0"
	if on {
		value = "1"
		files, err := s.receiveQueues(device)
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := s.write(f, "0"); err != nil {
				return err
			}
		}
	}
	return s.write(path.Join("class/net", device, "threaded"), value)
}
