// Command weftd is the host reconciler: it keeps the kernel and Open vSwitch of one node as etcd says.
//
// Invariants:
//   - It reads desired/<node>/ and order/<node>/, writes actual/<node>/ and live/<node>, and uses no other keys.
//   - When it ends, it removes nothing from the host.
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
	defer stop()
	if err := app().RunContext(ctx, os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "weftd:", err)
		service.NewNotifier(slog.Default()).Failed(err)
		os.Exit(1)
	}
}
