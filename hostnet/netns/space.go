package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// threadNamespace is the namespace of the calling thread. /proc/self would be that of the first thread.
const threadNamespace = "/proc/thread-self/ns/net"

// ID distinguishes a namespace from all others that exist at the same time. If a name is removed and made again, its namespace
// has another ID.
type ID struct{ Device, Inode uint64 }

// Space is one open namespace. It exists at least until Close, with or without its name. Any goroutine may call its methods.
type Space struct {
	name string
	id   ID
	file *os.File
}

func openSpace(name, path string) (*Space, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	// The file below the mount may be readable by nobody. Root then needs CAP_DAC_OVERRIDE, which weftd does not have.
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) && !isNamespace(path) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	var s unix.Stat_t
	var fsInfo unix.Statfs_t
	fd := int(f.Fd())
	if err := errors.Join(unix.Fstat(fd, &s), unix.Fstatfs(fd, &fsInfo)); err != nil {
		return nil, errors.Join(fmt.Errorf("identify: %w", err), f.Close())
	}
	if fsInfo.Type != unix.NSFS_MAGIC {
		return nil, errors.Join(fmt.Errorf("%w: nothing is mounted at its name", ErrNotFound), f.Close())
	}
	return &Space{name: name, id: ID{uint64(s.Dev), s.Ino}, file: f}, nil
}

// Name is the name that it was opened by. "" is the host's own namespace.
func (s *Space) Name() string { return s.name }

// ID identifies the namespace.
func (s *Space) ID() ID { return s.id }

// FD is the descriptor of the namespace, for attributes such as IFLA_NET_NS_FD. It belongs to the Space and is valid until Close.
func (s *Space) FD() int { return s.fd() }

func (s *Space) fd() int { return int(s.file.Fd()) }

// Close closes the namespace. Sockets that were opened inside stay inside and keep it alive.
func (s *Space) Close() error {
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("network namespace %s: close: %w", s.name, err)
	}
	return nil
}

// Do runs f on a thread inside and waits for it. Sockets that f opens stay in the namespace for ever. /proc/sys/net is the
// namespace's. f must not start goroutines that have to run inside.
func (s *Space) Do(f func() error) error {
	return onOwnThread(func() (error, bool) {
		home, err := os.Open(threadNamespace)
		if err != nil {
			return fmt.Errorf("the thread's own network namespace: %w", err), true
		}
		defer home.Close()
		if err := unix.Setns(s.fd(), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network namespace %q (needs CAP_SYS_ADMIN): %w", s.name, err), true
		}
		return f(), unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil
	})
}

// onOwnThread runs f on a separate locked thread. If f could not switch back, the thread stays locked and ends with its
// goroutine.
func onOwnThread(f func() (err error, back bool)) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err, back := f()
		if back {
			runtime.UnlockOSThread()
		}
		result <- err
	}()
	return <-result
}

// Socket opens a socket inside (socket(2)). It is close-on-exec and non-blocking.
func (s *Space) Socket(domain, kind, protocol int) (fd int, err error) {
	err = s.Do(func() error {
		var err error
		if fd, err = unix.Socket(domain, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol); err != nil {
			return fmt.Errorf("network namespace %q: open a socket: %w", s.name, err)
		}
		return nil
	})
	return fd, err
}

// Netlink opens a netlink handle inside, for the protocols of the families (unix.NETLINK_ROUTE …).
func (s *Space) Netlink(families ...int) (h *netlink.Handle, err error) {
	err = s.Do(func() error {
		var err error
		if h, err = netlink.NewHandle(families...); err != nil {
			return fmt.Errorf("network namespace %q: open a netlink handle: %w", s.name, err)
		}
		return nil
	})
	return h, err
}

// NFTables opens a lasting nftables connection inside. The caller ends it with CloseLasting.
func (s *Space) NFTables(options ...nftables.ConnOption) (c *nftables.Conn, err error) {
	err = s.Do(func() error {
		var err error
		if c, err = nftables.New(append(options, nftables.AsLasting())...); err != nil {
			return fmt.Errorf("network namespace %q: open an nftables connection: %w", s.name, err)
		}
		return nil
	})
	return c, err
}
