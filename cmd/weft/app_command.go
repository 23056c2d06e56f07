package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"weft/cmd/internal/service"
	"weft/cmd/weft/internal/terminal"
	"weft/model"
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

// execute runs the command line and returns the process's exit status.
func execute(ctx context.Context, s streams, args []string) int {
	app := newApp(s)
	err := app.RunContext(ctx, intersperse(app, args))
	if err == nil {
		return 0
	}
	code := 1
	var exit *exitError
	if errors.As(err, &exit) {
		code, err = exit.code, exit.err
	}
	report(s.err, err)
	return code
}

// report writes an error. Errors in manifests come first, one on each line, in the form that editors read.
func report(out io.Writer, err error) {
	var wrong model.Errors
	switch {
	case err == nil:
	case errors.As(err, &wrong):
		fmt.Fprintf(out, "%s\nweft: %s in the manifests: nothing was done\n",
			terminal.PrintableLines(err.Error()), terminal.Counted(len(wrong), "mistake"))
	default:
		fmt.Fprintf(out, "weft: %s\n", terminal.PrintableLines(err.Error()))
	}
}

func newApp(s streams) *cli.App {
	return &cli.App{
		Name:            "weft",
		Usage:           "declare networks and ports, and see what became of them",
		Reader:          s.in,
		Writer:          s.out,
		ErrWriter:       s.err,
		HideHelpCommand: true,
		// The default handler would call os.Exit.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   usageError,
		Commands: []*cli.Command{
			applyCommand(s), getCommand(s), describeCommand(s), deleteCommand(s), validateCommand(s), waitCommand(s),
			statusCommand(s), diffCommand(s), acceptCommand(s), hostCommand(s), etcdCommand(s), installUnitsCommand(s), devCommand(s),
		},
		Version: service.Version(),
		Action:  unknownCommand("weft", cli.ShowAppHelp),
	}
}

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
