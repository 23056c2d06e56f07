package netlink

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
)

// dumpAttempts bounds how often an interrupted dump is repeated. Each repetition means that something changed during the dump.
const dumpAttempts = 20

// ErrInterrupted is a dump during which something changed (NLM_F_DUMP_INTR).
var ErrInterrupted = errors.New("interrupted by a change")

// Consistent calls read until nothing changed while it was reading. The result of an interrupted dump is never used. read reports
// an interruption by ErrInterrupted, or is a function of vishvananda/netlink.
func Consistent[T any](ctx context.Context, what string, read func() (T, error)) (found T, err error) {
	var none T
	for range dumpAttempts {
		if err := ctx.Err(); err != nil {
			return none, fmt.Errorf("read %s: %w", what, err)
		}
		found, err := read()
		if err == nil {
			return found, nil
		}
		if !errors.Is(err, ErrInterrupted) && !errors.Is(err, netlink.ErrDumpInterrupted) {
			return none, fmt.Errorf("read %s: %w", what, err)
		}
	}
	return none, fmt.Errorf("read %s: interrupted %d times by changes: will be tried again", what, dumpAttempts)
}
