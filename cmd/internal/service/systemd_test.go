package service

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// TestSystemdIsToldWhatIsWaitedFor sets the process's environment, so it does not run in parallel.
func TestSystemdIsToldWhatIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	read := func() string {
		b := make([]byte, 4096)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	n := NewNotifier(slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	states := make(chan string, 3)
	states <- "waits:\netcd"
	states <- "waits:\netcd" // nothing new: not sent
	states <- "follows etcd"
	done := make(chan error, 1)
	go func() {
		done <- n.Status(ctx, func() string {
			select {
			case s := <-states:
				return s
			default:
				return "follows etcd"
			}
		})
	}()
	for _, want := range []string{"STATUS=waits: etcd", "STATUS=follows etcd"} {
		if got := read(); got != want {
			t.Errorf("systemd was told %q, expected %q", got, want)
		}
	}
	n.Ready("follows etcd")
	if got := read(); got != "READY=1\nSTATUS=follows etcd" {
		t.Errorf("systemd was told %q, expected READY=1 and the state", got)
	}
	n.Failed(errors.New("no node\nof that name"))
	if got := read(); got != "STATUS=no node of that name" {
		t.Errorf("systemd was told %q, expected why the daemon ends", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := n.Watchdog(ctx, func() bool { return true }); err != nil {
		t.Error(err)
	}
	if got := read(); got != "STOPPING=1" {
		t.Errorf("systemd was told %q, expected STOPPING=1", got)
	}
}

// TestWatchdogIsFedOnlyByWhatGetsOn sets the process's environment, so it does not run in parallel.
func TestWatchdogIsFedOnlyByWhatGetsOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "30000")
	t.Setenv("WATCHDOG_PID", "")
	os.Unsetenv("WATCHDOG_PID") // t.Setenv puts back what was there
	ctx, cancel := context.WithCancel(t.Context())
	asked, done := 0, make(chan error, 1)
	go func() {
		done <- NewNotifier(slog.New(slog.DiscardHandler)).Watchdog(ctx, func() bool {
			asked++
			if asked == 5 {
				cancel()
			}
			return asked == 2 // no progress, progress once, no progress again
		})
	}()
	for _, want := range []string{"WATCHDOG=1", "STOPPING=1"} {
		b := make([]byte, 4096)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(b[:n]); got != want {
			t.Errorf("systemd was told %q, expected %q", got, want)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
