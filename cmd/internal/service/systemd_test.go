package service

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
)

// TestSystemdIsToldWhatIsWaitedFor sets the process's environment, and so runs by itself.
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
	states <- "waits:\netcd" // nothing new: not told
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
	n.Ready()
	if got := read(); got != "READY=1" {
		t.Errorf("systemd was told %q, expected READY=1", got)
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
