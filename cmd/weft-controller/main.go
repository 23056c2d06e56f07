// Command weft-controller is one replica of the control plane. It turns intent into accepted, claims, desired and
// status (package reconcile/control).
//
// Invariants: any number of replicas run at once, and one leads. After SIGTERM it writes only its resignation.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"weft/cmd/internal/service"
)

// collectAt is how much the heap grows, in percent, before garbage is collected. Almost all of it is the mirror of etcd, which stays: each
// collection looks through the whole region. With Go's 100, collecting is a quarter of the controller's work.
const collectAt = 150

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newApp(os.Stderr).RunContext(ctx, os.Args)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "weft-controller:", err)
		service.NewNotifier(slog.Default()).Failed(err)
		os.Exit(1)
	}
}
