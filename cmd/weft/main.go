// Command weft is what people use: it writes intent, shows what became of it, and says what a host would do.
//
// Invariants: it writes intent, orders and, for `etcd setup`, users and roles, nothing else; results go to stdout,
// errors and hints to stderr; one file per verb, and what a verb does is a function that tests call.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return execute(ctx, streams{os.Stdin, os.Stdout, os.Stderr}, os.Args)
}
