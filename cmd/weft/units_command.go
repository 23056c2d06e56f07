package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"
)

//go:embed units
var unitFiles embed.FS

func installUnitsCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:      "install-units",
		Usage:     "write the systemd units of weftd and weft-controller",
		UsageText: "weft install-units [--dir /etc/systemd/system] [--bin-dir DIR] [--print]\nsystemctl daemon-reload && systemctl enable --now weftd",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dir", Value: "/etc/systemd/system", Usage: "write them to `DIR`"},
			&cli.StringFlag{Name: "bin-dir", Usage: "the programs are in `DIR` (default: where weft itself is)"},
			&cli.BoolFlag{Name: "print", Usage: "write them to stdout only"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			bin, err := binDir(c.String("bin-dir"))
			if err != nil {
				return err
			}
			dir := c.String("dir")
			if c.Bool("print") {
				dir = ""
			}
			return installUnits(dir, bin, s.out)
		},
	})
}

// binDir is the absolute directory from which the units start the programs. A directory with spaces, quotes, $ or % is refused, because
// systemd has its own rules for them.
func binDir(dir string) (string, error) {
	if dir == "" {
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("where am I? %w: say it with --bin-dir", err)
		}
		dir = filepath.Dir(self)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if strings.ContainsFunc(abs, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"'\$%`, r) }) {
		return "", fmt.Errorf("%q cannot stand in a unit: install the programs in a directory without spaces and quotes", abs)
	}
	return abs, nil
}

// installUnits writes the units into dir and prints what it did with each. If dir is empty, it writes them to out.
func installUnits(dir, bin string, out io.Writer) error {
	entries, err := unitFiles.ReadDir("units")
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := unitFiles.ReadFile("units/" + e.Name())
		if err != nil {
			return err
		}
		text = bytes.ReplaceAll(text, []byte("@BIN@"), []byte(bin))
		if dir == "" {
			fmt.Fprintf(out, "# %s\n%s\n", e.Name(), text)
			continue
		}
		file := filepath.Join(dir, e.Name())
		did, err := writeUnit(file, text)
		if err != nil {
			return fmt.Errorf("%w: --dir names another directory", err)
		}
		fmt.Fprintf(out, "%s %s\n", file, did)
	}
	return nil
}

func writeUnit(file string, text []byte) (outcome, error) {
	old, err := os.ReadFile(file)
	did := configured
	switch {
	case errors.Is(err, fs.ErrNotExist):
		did = created
	case err != nil:
		return "", err
	case bytes.Equal(old, text):
		return unchanged, nil
	}
	// Renamed into place, so that systemd never reads half a unit.
	next := file + ".new"
	if err := os.WriteFile(next, text, 0o644); err != nil {
		return "", err
	}
	return did, os.Rename(next, file)
}
