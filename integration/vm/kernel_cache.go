package vm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lockName is a file of the cache folder. Whoever makes a kernel there holds its lock.
const lockName = "lock"

// once returns what cached finds. If it finds nothing, once makes it by make. If several machines, or several programs, need the same
// kernel at once, one makes it and the others wait for that one. The kernel of the machine ends the lock with its holder.
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
