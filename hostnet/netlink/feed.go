package netlink

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"
)

// resubscribeDelay is the pause before a failed subscription is made again, so that it does not spin.
const resubscribeDelay = 200 * time.Millisecond

// FeedConfig is what a feed must be told.
type FeedConfig struct {
	// Name says in the log what is received.
	Name   string
	Logger *slog.Logger
	// First is a subscription that was made before the feed, or nil. With it the feed is brought up to date by everybody from the
	// beginning, also before it runs. The feed owns it.
	First *Subscription
	// Open subscribes, in the goroutine that runs the feed. An error that wraps fs.ErrNotExist ends the feed, because its subject
	// does not exist any more.
	Open func() (*Subscription, error)
	// Absorb applies one message, under the feed's lock. It must not keep the message.
	Absorb func(Message)
	// Changed is called without the lock whenever messages may have been absorbed. lost says that more happened than was
	// absorbed. This is also the case once after each subscribing. After an error the feed subscribes again.
	Changed func(ctx context.Context, lost bool) error
}

// Feed is a subscription that is made again when it breaks. Anybody may bring it up to date.
type Feed struct {
	config FeedConfig

	mu     sync.Mutex    // of all below, and of what Absorb changes
	sub    *Subscription // nil while there is none
	lost   bool          // not reported yet
	news   bool          // something was absorbed and Changed was not called since
	woken  bool          // the goroutine that runs the feed will call Changed
	absorb func(Message)
}

// NewFeed makes a feed. It does not run yet. If it has a first subscription, it must run, because Run closes that.
func NewFeed(c FeedConfig) *Feed {
	f := &Feed{config: c, sub: c.First, lost: c.First != nil}
	f.absorb = func(m Message) { f.news = true; c.Absorb(m) }
	return f
}

// Locked runs f under the lock of Absorb, after everything that the kernel has acknowledged to anybody was absorbed. current is
// false if that is not certain, because the feed does not run or something was lost.
func (f *Feed) Locked(run func(current bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.drain()
	run(err == nil && f.sub != nil && !f.lost)
	if f.sub != nil && !f.woken && (f.news || f.lost) { // what was read here may have woken nobody
		f.woken = true
		f.sub.Wake()
	}
}

// drain must be called with the lock held.
func (f *Feed) drain() error {
	if f.sub == nil {
		return nil
	}
	lost, err := f.sub.Drain(f.absorb)
	f.lost = f.lost || lost || err != nil
	return err
}

// Run runs the feed until ctx ends. Then it returns nil.
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
	s, err := f.begin()
	if err != nil {
		return err
	}
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

// begin starts with a loss, because the subscription does not contain what happened before.
func (f *Feed) begin() (s *Subscription, err error) {
	if s = f.config.First; s != nil {
		f.config.First = nil
		return s, nil
	}
	if s, err = f.config.Open(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sub, f.lost = s, true
	return s, nil
}

func (f *Feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.sub.Close(); err != nil {
		f.config.Logger.Warn("cannot close a netlink subscription", "of", f.config.Name, "error", err)
	}
	f.sub = nil
}

func (f *Feed) catchUp(ctx context.Context) error {
	for {
		f.mu.Lock()
		err := f.drain()
		lost := f.lost
		f.lost, f.news, f.woken = false, false, false
		f.mu.Unlock()
		if err == nil {
			err = f.config.Changed(ctx, lost)
		}
		if err != nil {
			return err
		}
		f.mu.Lock()
		again := lost || f.lost // Changed may have brought the feed up to date, and found a loss
		f.mu.Unlock()
		if !again {
			return nil
		}
	}
}
