package main

import (
	"flag"

	"github.com/urfave/cli/v2"
)

// sharedFlag is one of the library's global flags. The library writes to them at each run. Only tests have several runs at once in one
// process, and each of these runs writes to a copy.
type sharedFlag struct{ *cli.BoolFlag }

// Apply implements cli.Flag.
func (f sharedFlag) Apply(set *flag.FlagSet) error {
	one := *f.BoolFlag
	return one.Apply(set)
}

// shareGlobalFlags lets commands run in parallel in this process.
func shareGlobalFlags() {
	for _, f := range []*cli.Flag{&cli.HelpFlag, &cli.VersionFlag} {
		if b, ok := (*f).(*cli.BoolFlag); ok {
			*f = sharedFlag{b}
		}
	}
}
