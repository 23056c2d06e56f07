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
	"syscall"

	"weft/cmd/internal/service"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newApp(os.Stderr).RunContext(ctx, os.Args)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "weft-controller:", err)
		service.NewNotifier(slog.Default()).Failed(err)
		os.Exit(1)
	}
}
