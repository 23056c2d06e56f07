// Command weft is the command line for people. It writes intent, shows its status, and shows what a host would do.
//
// Invariants:
//   - It writes intent and orders, and with `etcd setup` users and roles. It writes nothing else to etcd.
//   - Results go to stdout, errors and hints to stderr.
//   - Each verb has one file. The work of a verb is a function that tests call.
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
