package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// source is where a kernel comes from that the cache folder does not have.
type source struct {
	name, cost string        // for the log
	limit      time.Duration // for all of make
	// look finds the newest kernel of this source in the cache folder.
	look func(cache string) (Kernel, bool)
	// make puts the kernel into root, and says what root is to be called in the cache folder. temp is for what it needs meanwhile.
	make func(ctx context.Context, temp, root string) (folder string, err error)
}

// find returns the kernel of the cache folder. If there is none, it makes it.
func find(ctx context.Context, log func(format string, args ...any), from source) (Kernel, error) {
	if runtime.GOARCH != "amd64" {
		return Kernel{}, fmt.Errorf("vm: the rig knows amd64 only, this is %s", runtime.GOARCH)
	}
	cache, err := cacheFolder()
	if err != nil {
		return Kernel{}, err
	}
	return once(ctx, cache, from.look, func(ctx context.Context, cache string) (Kernel, error) {
		if log != nil {
			log("fetching %s into %s (%s, once)", from.name, cache, from.cost)
		}
		ctx, cancel := context.WithTimeout(ctx, from.limit)
		defer cancel()
		return from.fetch(ctx, cache)
	})
}

// lockName is a file of the cache folder. Whoever makes a kernel there holds its lock.
const lockName = "lock"

// once returns what cached finds. If it finds nothing, once makes it by make. If several machines, or several programs, need a kernel at
// once, one makes it and the others wait for that one. The operating system ends the lock with its holder.
func once(ctx context.Context, cache string, cached func(string) (Kernel, bool), make func(context.Context, string) (Kernel, error)) (Kernel, error) {
	if k, ok := cached(cache); ok {
		return k, nil
	}
	lock, err := os.OpenFile(filepath.Join(cache, lockName), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return Kernel{}, fmt.Errorf("vm: %w", err)
	}
	defer lock.Close()
	for err = unix.EINTR; err == unix.EINTR; { // signals of Go's own scheduler interrupt it
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		return Kernel{}, fmt.Errorf("vm: lock %s: %w", lock.Name(), err)
	}
	if k, ok := cached(cache); ok {
		return k, nil
	}
	return make(ctx, cache)
}

// fetch makes the kernel's folder under another name and then renames it, so that the folder is there complete or not at all.
func (s source) fetch(ctx context.Context, cache string) (Kernel, error) {
	if err := sweepFetches(cache); err != nil {
		return Kernel{}, err
	}
	temp, err := os.MkdirTemp(cache, fetchPrefix)
	if err != nil {
		return Kernel{}, fmt.Errorf("vm: %w", err)
	}
	defer os.RemoveAll(temp)
	root := filepath.Join(temp, "root")
	folder, err := s.make(ctx, temp, root)
	if err != nil {
		return Kernel{}, fmt.Errorf("vm: make %s: %w", s.name, err)
	}
	final := filepath.Join(cache, folder)
	if err := os.Rename(root, final); err != nil && !errors.Is(err, os.ErrExist) {
		return Kernel{}, fmt.Errorf("vm: keep %s: %w", s.name, err)
	}
	k, ok := s.look(cache)
	if !ok {
		return k, fmt.Errorf("vm: %s is there and is not complete: remove it", final)
	}
	return k, nil
}
