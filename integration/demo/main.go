// Command demo shows Weft's main job on this machine. It makes three hosts as network namespaces with an Open vSwitch each, an
// etcd, two controllers and six guests. Then it breaks things and shows what happens.
//
// Invariants:
//   - It exits with 0 only if everything held.
//   - It removes everything that it made, whatever happens, unless -keep is given.
//   - It touches nothing outside its own namespaces and folder.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"weft/integration/testbed"
)

func main() {
	testbed.Child()
	keep := flag.Bool("keep", false, "leave everything up and say what to try")
	binaries := flag.String("bin", "bin", "folder with weft, weftd and weft-controller")
	holder := flag.Bool("holder", false, "run in the background and hold what was built (used by -keep)")
	flag.Parse()
	if *keep && !*holder {
		os.Exit(detach(*binaries))
	}
	if *holder {
		keepStatusFile()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, *binaries, *holder)
	stop()
	os.Exit(code)
}

// run builds the cloud, shows everything and removes the cloud. A holder waits for a signal before it removes the cloud.
func run(ctx context.Context, binaries string, holder bool) (code int) {
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "demo: it makes network namespaces: run it as root")
		return 1
	}
	b, err := testbed.New(ctx, testbed.Config{Binaries: binaries})
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	}
	s := newShow(os.Stdout, b)
	s.play(ctx)
	held := s.summary()
	if len(s.failed) > 0 {
		s.logs(os.Stderr)
	}
	if holder {
		s.whatToTry(os.Stdout, binaries)
		release(held)
		<-ctx.Done()
	}
	if err := b.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "demo: take down:", err)
		return 1
	}
	if !holder {
		fmt.Println("Everything that was made has been removed.")
	}
	if !held {
		return 1
	}
	return 0
}
