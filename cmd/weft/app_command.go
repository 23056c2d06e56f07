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
			statusCommand(s), diffCommand(s), injectCommand(s), defaultGroupCommand(s), acceptCommand(s), hostCommand(s), etcdCommand(s), installUnitsCommand(s), devCommand(s),
		},
		Version: service.Version(),
		Action:  unknownCommand("weft", cli.ShowAppHelp),
	}
}
