package main

import (
	"fmt"

	"weft/cmd/weft/internal/terminal"
	"weft/cmd/weft/view"
	"weft/model"
)

// manifests are the objects in a form that can be applied again. Objects that cannot be decoded are named on stderr.
func manifests(s streams, entries []view.Entry) []model.Object {
	objs := make([]model.Object, 0, len(entries))
	for _, e := range entries {
		if e.Raw == nil {
			continue
		}
		if e.Invalid != nil {
			fmt.Fprintf(s.err, "left out, its intent is not valid:\n%s\n", terminal.PrintableLines(e.Invalid.Error()))
			continue
		}
		objs = append(objs, e.Object)
	}
	return objs
}

func printYAML(s streams, _ selection, entries []view.Entry) error {
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
func printJSON(s streams, sel selection, entries []view.Entry) error {
	objs := manifests(s, entries)
	if len(objs) == 1 && len(sel.names) == 1 {
		return terminal.WriteJSON(s.out, objs[0])
	}
	return terminal.WriteJSON(s.out, objs)
}
