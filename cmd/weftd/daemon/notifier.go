package daemon

import (
	"context"
	"log/slog"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// notifier talks to systemd, if it asked for that (NOTIFY_SOCKET, WATCHDOG_USEC).
type notifier struct {
	on  bool
	log *slog.Logger
}

func newNotifier(on bool, log *slog.Logger) *notifier { return &notifier{on, log} }

// ready says that the first full sync is done.
func (n *notifier) ready() {
	if !n.on {
		return
	}
	if _, err := sd.SdNotify(false, sd.SdNotifyReady); err != nil {
		n.log.Warn("systemd cannot be told READY", "error", err)
	}
}

// watchdog feeds systemd's watchdog as long as the reconciler makes progress, until ctx ends.
func (n *notifier) watchdog(ctx context.Context, alive func() bool) error {
	interval, err := sd.SdWatchdogEnabled(false)
	if !n.on || err != nil || interval <= 0 {
		if err != nil {
			n.log.Warn("systemd's watchdog is not understood", "error", err)
		}
		return nil
	}
	tick := time.NewTicker(interval / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			_, _ = sd.SdNotify(false, sd.SdNotifyStopping) // courtesy
			return nil
		case <-tick.C:
			if !alive() {
				n.log.Error("the loop makes no progress: the watchdog is not fed")
				continue
			}
			if _, err := sd.SdNotify(false, sd.SdNotifyWatchdog); err != nil {
				n.log.Warn("systemd's watchdog cannot be fed", "error", err)
			}
		}
	}
}
