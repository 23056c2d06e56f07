package service

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Notifier notifies systemd, if systemd asked for it (NOTIFY_SOCKET, WATCHDOG_USEC; sd_notify(3)). A nil Notifier does nothing.
type Notifier struct{ log *slog.Logger }

// NewNotifier makes a Notifier.
func NewNotifier(log *slog.Logger) *Notifier { return &Notifier{log} }

// statusInterval is how often the daemon is asked for its state. A person who waits looks about as often.
const statusInterval = time.Second

// Ready says that the daemon does its work, and sends its state too, so that nobody who waited for READY reads an older state.
func (n *Notifier) Ready(state string) { n.say(daemon.SdNotifyReady + "\n" + status(state)) }

// Failed says why the daemon ends. `systemctl status` shows it until the next start. In the journal, lines about restarts may hide what
// the daemon wrote.
func (n *Notifier) Failed(err error) { n.say(status(err.Error())) }

func status(state string) string { return "STATUS=" + strings.ReplaceAll(state, "\n", " ") }

// Status sends what the daemon does or waits for, whenever that has changed, until ctx ends. `systemctl status` shows it. The state is
// one line.
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
		n.log.Warn("cannot notify systemd", "state", state, "error", err)
	}
}

// Watchdog feeds systemd's watchdog while alive returns true, until ctx ends. Then it says that the daemon stops.
func (n *Notifier) Watchdog(ctx context.Context, alive func() bool) error {
	if n == nil {
		return nil
	}
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		n.log.Warn("cannot understand the settings of systemd's watchdog", "error", err)
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
