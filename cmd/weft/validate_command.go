package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"weft/cmd/weft/internal/manifest"
	"weft/model"
)

func validateCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:      "validate",
		Usage:     "check manifests without etcd",
		UsageText: "weft validate -f FILE|-|DIR [-f …] [-p PROJECT] [--complete]",
		Flags: []cli.Flag{projectFlag(), fileFlag(),
			&cli.BoolFlag{Name: "complete", Usage: "the manifests are everything: a reference to an object outside is an error"}},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			objs, err := manifest.Read(c.StringSlice("file"), s.in, c.String("project"))
			return validate(objs, err, c.Bool("complete"), s.out)
		},
	})
}

// validate reports all errors in the manifests, or else how many objects are valid.
func validate(objs []model.Located, readErr error, complete bool, out io.Writer) error {
	var errs model.Errors
	if readErr != nil && !errors.As(readErr, &errs) {
		return readErr
	}
	var outside model.Lookup
	if complete {
		outside = func(model.ID) (model.Object, bool) { return model.Object{}, false }
	}
	if errs = append(errs, model.ValidateSet(objs, outside)...); len(errs) > 0 {
		return errs
	}
	fmt.Fprintf(out, "valid: %d\n", len(objs))
	return nil
}
