// Command vmexec runs a program inside a virtual machine with Debian's own kernel, in the same working directory, and
// exits with the program's exit code. It is made for go test:
//
//	go test -tags integration -exec "$PWD/bin/vmexec" ./hostnet/rtnl
//
//	vmexec -fetch
//
// only puts into the cache folder what virtual machines need. It takes minutes if nothing is there.
//
// Files that the program writes stay in the virtual machine's memory and are lost. That includes profiles and updated goldens.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"weft/integration/vm"
)

// exitRig is the exit code when the virtual machine failed, not the program.
const exitRig = 125

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: vmexec program argument…, or vmexec -fetch")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	code, err := execute(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vmexec:", err)
		os.Exit(exitRig)
	}
	os.Exit(code)
}

func execute(ctx context.Context, args []string) (code int, err error) {
	log := func(format string, args ...any) { fmt.Fprintf(os.Stderr, "vmexec: "+format+"\n", args...) }
	if len(args) == 1 && args[0] == "-fetch" {
		return 0, vm.Fetch(ctx, log)
	}
	m, err := vm.Boot(ctx, vm.Config{Log: log})
	if err != nil {
		return 0, err
	}
	defer func() {
		if closed := m.Close(); err == nil {
			err = closed
		}
	}()
	return m.Run(ctx, vm.Command{Args: args, Stage: true, Stdout: os.Stdout, Stderr: os.Stderr})
}
