package service

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Notifier talks to systemd, where systemd asked for it (NOTIFY_SOCKET, WATCHDOG_USEC; sd_notify(3)). A nil one is silent.
type Notifier struct{ log *slog.Logger }

// NewNotifier makes one.
func NewNotifier(log *slog.Logger) *Notifier { return &Notifier{log} }

// statusInterval is how often the daemon is asked for its state: as often as somebody who waits looks again.
const statusInterval = time.Second

// Ready says that the daemon does its work, and its state with it: whoever has waited for it does not read an older one.
func (n *Notifier) Ready(state string) { n.say(daemon.SdNotifyReady + "\n" + status(state)) }

// Failed tells why the daemon ends: `systemctl status` shows it until the next start, when the journal's lines about restarts may
// hide what the daemon wrote.
func (n *Notifier) Failed(err error) { n.say(status(err.Error())) }

func status(state string) string { return "STATUS=" + strings.ReplaceAll(state, "\n", " ") }

// Status tells what the daemon does or waits for, whenever that has changed, until ctx ends; `systemctl status` shows it. The
// state is one line.
func (n *Notifier) Status(ctx context.Context, state func() string) error {
	if n == nil {
		return nil
	}
	tick := time.NewTicker(statusInterval)
	defer tick.Stop()
	told := ""
	for {
		if now := state(); now != told {
			told = now
			n.say(status(now))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (n *Notifier) say(state string) {
	if n == nil {
		return
	}
	if _, err := daemon.SdNotify(false, state); err != nil {
		n.log.Warn("systemd cannot be told", "state", state, "error", err)
	}
}

// Watchdog feeds systemd's watchdog as long as alive says so, until ctx ends; then it says that the daemon stops.
func (n *Notifier) Watchdog(ctx context.Context, alive func() bool) error {
	if n == nil {
		return nil
	}
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		n.log.Warn("systemd's watchdog is not understood", "error", err)
	}
	var tick <-chan time.Time
	if interval > 0 {
		t := time.NewTicker(interval / 3)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-ctx.Done():
			n.say(daemon.SdNotifyStopping)
			return nil
		case <-tick:
			if !alive() {
				n.log.Error("the loop makes no progress: the watchdog is not fed")
				continue
			}
			n.say(daemon.SdNotifyWatchdog)
		}
	}
}
