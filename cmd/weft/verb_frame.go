package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"
)

// streams are the process's standard streams, or a test's.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exitError is an error with the process's exit status. With a nil err nothing is written to stderr.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// unknownCommand is the action of a command that has subcommands.
func unknownCommand(name string, help func(*cli.Context) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		if arg := c.Args().First(); arg != "" {
			return fmt.Errorf("%q is no command: `%s --help` lists them", arg, name)
		}
		return help(c)
	}
}

// usageError keeps the library from printing the whole help for a mistyped flag.
func usageError(c *cli.Context, err error, _ bool) error {
	name := "weft"
	if c.Command != nil && c.Command.HelpName != "" {
		name = c.Command.HelpName
	}
	return fmt.Errorf("%w: see `%s --help`", err, name)
}

// command makes a verb: flags may stand in any place, and a mistake does not print the help.
func command(c cli.Command) *cli.Command {
	c.OnUsageError = usageError
	c.HideHelpCommand = true
	return &c
}

// noArguments is an error if the command line has arguments.
func noArguments(c *cli.Context) error {
	if a := c.Args().First(); a != "" {
		return fmt.Errorf("%q is one argument too many: files are named with -f; see `%s --help`", a, c.Command.HelpName)
	}
	return nil
}

// fileFlag names manifests.
func fileFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "file", Aliases: []string{"f"},
		Usage: "read manifests from `FILE`, a directory, or - for stdin; may be repeated"}
}

// outputFlag names the format of the output.
func outputFlag() cli.Flag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "table", Usage: "`FORMAT`: table, wide, yaml, json or name"}
}
