package netns

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// watchMask are the events that change names in the directory or end the directory itself.
const watchMask = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_DELETE_SELF |
	unix.IN_MOVE_SELF | unix.IN_ONLYDIR

// errWatchLost says that the directory itself was removed or moved.
var errWatchLost = errors.New("the directory of network namespaces was removed or moved")

// Watch makes the directory if it is missing and calls ready. Then it calls notify for each name that was added or removed, until
// ctx ends. Then it returns nil. A name appears before the namespace is mounted on it. If names were lost, notify gets "" (look
// at everything). An error means that the watch has ended and may be started again.
func (d *Directory) Watch(ctx context.Context, ready func(), notify func(name string)) error {
	if err := makeDirectory(d.dir); err != nil {
		return err
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("watch network namespaces: %w", err)
	}
	f := os.NewFile(uintptr(fd), "inotify")
	stop := context.AfterFunc(ctx, func() { f.Close() })
	defer func() {
		if stop() {
			f.Close()
		}
	}()
	if _, err := unix.InotifyAddWatch(fd, d.dir, watchMask); err != nil {
		return fmt.Errorf("watch network namespaces in %s: %w", d.dir, err)
	}
	ready()
	buffer := make([]byte, 64<<10)
	for {
		n, err := f.Read(buffer)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("watch network namespaces in %s: %w", d.dir, err)
		}
		if err := eachName(buffer[:n], notify); err != nil {
			return err
		}
	}
}

// eachName parses inotify events (inotify(7)): wd, mask, cookie, length, name padded with NULs.
func eachName(b []byte, notify func(string)) error {
	for len(b) >= unix.SizeofInotifyEvent {
		mask, size := binary.NativeEndian.Uint32(b[4:]), int(binary.NativeEndian.Uint32(b[12:]))
		b = b[unix.SizeofInotifyEvent:]
		if size > len(b) {
			return fmt.Errorf("inotify: a name of %d bytes in %d", size, len(b))
		}
		name, _, _ := bytes.Cut(b[:size], []byte{0})
		b = b[size:]
		if mask&(unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_IGNORED|unix.IN_UNMOUNT) != 0 {
			notify("")
			return errWatchLost
		}
		notify(string(name)) // empty with IN_Q_OVERFLOW
	}
	return nil
}
