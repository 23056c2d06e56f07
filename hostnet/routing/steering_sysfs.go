package routing

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"weft/hostnet/netns"
)

// sysfs is the directory of one namespace's devices. It is a mount that has no place in any tree of files, and goes with the
// file: the thread that makes it decides whose devices it shows.
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

// open opens a file or directory below.
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
	b := make([]byte, 4096) // the kernel gives a page at most
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

// receiveQueues are the files that say which processors work off what a device receives (rps_cpus).
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

// steered says that each queue of the device has processors to choose from, whichever they are: people may have narrowed
// them down, and the kernel takes those away that are isolated.
func (s *sysfs) steered(device string) (bool, error) {
	files, err := s.receiveQueues(device)
	if err != nil {
		return false, err
	}
	for _, f := range files {
		mask, err := s.read(f)
		if err != nil {
			return false, err
		}
		if strings.Trim(mask, "0,") == "" {
			return false, nil
		}
	}
	return len(files) > 0, nil
}

// steer spreads what the device receives over all processors that are online, by connection, or over none.
func (s *sysfs) steer(device string, on bool) error {
	mask := "0"
	if on {
		online, err := s.read("devices/system/cpu/online")
		if err != nil {
			return err
		}
		if mask, err = cpuMask(online); err != nil {
			return err
		}
	}
	files, err := s.receiveQueues(device)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := s.write(f, mask); err != nil {
			return err
		}
	}
	return nil
}

// maxCPUs is more than any kernel is built for (NR_CPUS is 8192 at most).
const maxCPUs = 1 << 16

// cpuMask turns a list of processors ("0-2,7") into a mask as the kernel reads it: groups of 32 bits in hexadecimal, the
// highest first (bitmap_parse).
func cpuMask(list string) (string, error) {
	var words []uint32
	for _, r := range strings.Split(list, ",") {
		from, to, isRange := strings.Cut(r, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.ParseUint(from, 10, 32)
		last, errLast := strconv.ParseUint(to, 10, 32)
		if err != nil || errLast != nil || last < first || last >= maxCPUs {
			return "", fmt.Errorf("list of processors %q: expected numbers and ranges like 0-2,7", list)
		}
		for cpu := first; cpu <= last; cpu++ {
			for uint64(len(words)) <= cpu/32 {
				words = append(words, 0)
			}
			words[cpu/32] |= 1 << (cpu % 32)
		}
	}
	groups := make([]string, len(words))
	for i, w := range words {
		groups[len(words)-1-i] = fmt.Sprintf("%08x", w)
	}
	return strings.Join(groups, ","), nil
}
