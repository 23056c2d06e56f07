package main

import (
	"fmt"

	"weft/cmd/weft/internal/terminal"
	"weft/model"
)

// manifests are the objects in a form that can be applied again. Objects that cannot be decoded are named on stderr.
func manifests(s streams, entries []entry) []model.Object {
	objs := make([]model.Object, 0, len(entries))
	for _, e := range entries {
		if e.raw == nil {
			continue
		}
		if e.invalid != nil {
			fmt.Fprintf(s.err, "left out, its intent is not valid:\n%s\n", terminal.PrintableLines(e.invalid.Error()))
			continue
		}
		objs = append(objs, e.object)
	}
	return objs
}

func printYAML(s streams, _ selection, entries []entry) error {
	for i, o := range manifests(s, entries) {
		data, err := terminal.YAML(o)
		if err != nil {
			return fmt.Errorf("%s: %w", o.ID(), err)
		}
		if i > 0 {
			data = append([]byte("---\n"), data...)
		}
		if _, err := s.out.Write(data); err != nil {
			return err
		}
	}
	return nil
}

// printJSON writes one object as itself and several as a list; apply reads both.
func printJSON(s streams, sel selection, entries []entry) error {
	objs := manifests(s, entries)
	if len(objs) == 1 && len(sel.names) == 1 {
		return terminal.WriteJSON(s.out, objs[0])
	}
	return terminal.WriteJSON(s.out, objs)
}
