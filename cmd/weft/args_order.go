package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// intersperse moves a command's flags before its arguments, because the library stops reading flags at the first argument. So `weft get
// port web-1 -o yaml` works. Settings may also stand before the command (`weft -p alpha get port`): the command gets them, and reports
// those that it does not know. Everything after "--" is an argument. With a help flag the arguments are dropped, because the library
// would look for help about the first one.
func intersperse(app *cli.App, args []string) []string {
	if len(args) == 0 {
		return args
	}
	out := args[:1:1]
	rest := args[1:]
	flags, commands := app.Flags, app.Commands
	var options, arguments []string
	settings := append(connectionFlags(), projectFlag())
	for len(rest) > 0 {
		if n := leading(settings, rest); n > 0 {
			options, rest = append(options, rest[:n]...), rest[n:]
			continue
		}
		c := find(commands, rest[0])
		if c == nil {
			break
		}
		out, rest = append(out, rest[0]), rest[1:]
		flags, commands = c.Flags, c.Subcommands
	}
	for i := 0; i < len(rest); i++ {
		a := rest[i]
		switch {
		case a == "--":
			arguments = append(arguments, rest[i+1:]...)
			i = len(rest)
		case len(a) < 2 || a[0] != '-':
			arguments = append(arguments, a)
		case slices.Contains(cli.HelpFlag.Names(), strings.TrimLeft(a, "-")):
			return append(out, a)
		default:
			options = append(options, a)
			if !takesValue(flags, a) {
				continue
			}
			if i++; i == len(rest) { // the library reports the missing value; it would take "--" as the value
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

// leading is how many words the flag at the start of the words has, with its value. It is 0 if the flag is unknown or lacks its value.
func leading(flags []cli.Flag, words []string) int {
	name, _, whole := strings.Cut(strings.TrimLeft(words[0], "-"), "=")
	known := slices.ContainsFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	switch {
	case words[0] == name || !known:
		return 0
	case whole:
		return 1
	case len(words) < 2:
		return 0
	}
	return 2
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// takesValue says that the flag's value is the next argument. An unknown flag takes none; the library reports it.
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
