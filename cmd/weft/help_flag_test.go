package main

import (
	"flag"

	"github.com/urfave/cli/v2"
)

// sharedFlag is one of the library's global flags, which it writes to at each run: several runs at once in one process, which only
// tests have, each write to a copy.
type sharedFlag struct{ *cli.BoolFlag }

// Apply implements cli.Flag.
func (f sharedFlag) Apply(set *flag.FlagSet) error {
	one := *f.BoolFlag
	return one.Apply(set)
}

// shareGlobalFlags lets commands run beside each other in this process.
func shareGlobalFlags() {
	for _, f := range []*cli.Flag{&cli.HelpFlag, &cli.VersionFlag} {
		if b, ok := (*f).(*cli.BoolFlag); ok {
			*f = sharedFlag{b}
		}
	}
}
