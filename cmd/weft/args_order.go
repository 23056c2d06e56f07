package main

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// intersperse moves a command's flags before its arguments, so that `weft get port web-1 -o yaml` works: the library
// stops reading flags at the first argument. Everything after "--" is an argument.
func intersperse(app *cli.App, args []string) []string {
	if len(args) == 0 {
		return args
	}
	out := args[:1:1]
	rest := args[1:]
	flags, commands := app.Flags, app.Commands
	for len(rest) > 0 {
		c := find(commands, rest[0])
		if c == nil {
			break
		}
		out, rest = append(out, rest[0]), rest[1:]
		flags, commands = c.Flags, c.Subcommands
	}
	var options, arguments []string
	for i := 0; i < len(rest); i++ {
		a := rest[i]
		switch {
		case a == "--":
			arguments = append(arguments, rest[i+1:]...)
			i = len(rest)
		case len(a) < 2 || a[0] != '-':
			arguments = append(arguments, a)
		default:
			options = append(options, a)
			if !takesValue(flags, a) {
				continue
			}
			if i++; i == len(rest) { // the library says what is missing; "--" would be taken for it
				return append(out, options...)
			}
			options = append(options, rest[i])
		}
	}
	out = append(out, options...)
	if len(arguments) > 0 {
		out = append(append(out, "--"), arguments...)
	}
	return out
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// takesValue says that the flag's value is the next argument. A flag nobody knows takes none; the library reports it.
func takesValue(flags []cli.Flag, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, f := range flags {
		for _, n := range f.Names() {
			if n == name {
				_, isBool := f.(*cli.BoolFlag)
				return !isBool
			}
		}
	}
	return false
}
