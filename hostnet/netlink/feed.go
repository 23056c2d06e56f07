package netlink

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"
)

// resubscribeDelay keeps a subscription that fails at once from spinning.
const resubscribeDelay = 200 * time.Millisecond

// FeedConfig is what a feed must be told.
type FeedConfig struct {
	// Name is what is heard, for the log.
	Name   string
	Logger *slog.Logger
	// Open subscribes, in the goroutine that runs the feed. An error that wraps fs.ErrNotExist ends the feed: what was to be heard is
	// no more.
	Open func() (*Subscription, error)
	// Absorb takes in one message, under the feed's lock; it must not keep it.
	Absorb func(Message)
	// Changed is called without the lock, whenever messages may have been absorbed. lost says that more happened than was absorbed:
	// so it is once after each subscribing. With an error the feed subscribes again.
	Changed func(ctx context.Context, lost bool) error
}

// Feed is a subscription that is made again when it breaks. Anybody may bring it up to date.
type Feed struct {
	config FeedConfig

	mu   sync.Mutex    // of all below, and of what Absorb changes
	sub  *Subscription // nil while there is none
	lost bool          // not told yet
}

// NewFeed makes a feed that nobody runs yet.
func NewFeed(c FeedConfig) *Feed { return &Feed{config: c} }

// Locked runs f under the lock that Absorb runs under, after everything that the kernel has acknowledged to anybody was absorbed.
// current is false when that cannot be said, because nobody runs the feed or because something was lost.
func (f *Feed) Locked(run func(current bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.drain()
	run(err == nil && f.sub != nil && !f.lost)
}

// drain is called with the lock held.
func (f *Feed) drain() error {
	if f.sub == nil {
		return nil
	}
	lost, err := f.sub.Drain(f.config.Absorb)
	f.lost = f.lost || lost || err != nil
	return err
}

// Run keeps the feed until ctx ends, which returns nil.
func (f *Feed) Run(ctx context.Context) error {
	for {
		err := f.runOnce(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			return err
		}
		f.config.Logger.Warn("netlink subscription lost: subscribing again", "of", f.config.Name, "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(resubscribeDelay):
		}
	}
}

// runOnce runs one subscription until it fails or ctx ends.
func (f *Feed) runOnce(ctx context.Context) error {
	s, err := f.config.Open()
	if err != nil {
		return err
	}
	f.begin(s)
	defer f.end()
	failure := f.catchUp(ctx)
	if failure != nil {
		return failure
	}
	err = s.Wait(ctx, func() bool {
		failure = f.catchUp(ctx)
		return failure != nil
	})
	return errors.Join(failure, err)
}

// begin: what happened before the subscription is not in it.
func (f *Feed) begin(s *Subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sub, f.lost = s, true
}

func (f *Feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.sub.Close(); err != nil {
		f.config.Logger.Warn("close a netlink subscription", "of", f.config.Name, "error", err)
	}
	f.sub = nil
}

func (f *Feed) catchUp(ctx context.Context) error {
	for {
		f.mu.Lock()
		err := f.drain()
		lost := f.lost
		f.lost = false
		f.mu.Unlock()
		if err == nil {
			err = f.config.Changed(ctx, lost)
		}
		if err != nil || !lost { // a loss that was found while one was told is told, too
			return err
		}
	}
}
