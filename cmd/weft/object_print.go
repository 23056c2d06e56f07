package main

import (
	"bufio"
	"fmt"

	"weft/cmd/weft/internal/terminal"
	"weft/cmd/weft/view"
	"weft/model"
)

// applicable is an object in a form that can be applied again. There is none of an object that is being deleted.
func applicable(e view.Entry, write func(model.Object) ([]byte, error)) shown {
	if e.Raw == nil || e.Invalid != nil {
		return shown{leftOut: e.Invalid}
	}
	text, err := write(e.Object)
	if err != nil {
		return shown{failed: fmt.Errorf("%s: %w", e.ID, err)}
	}
	return shown{text: text}
}

// manifests are those that there are. Objects that cannot be decoded are named on stderr.
func manifests(s streams, all []shown) (texts [][]byte, err error) {
	for _, o := range all {
		switch {
		case o.failed != nil:
			return nil, o.failed
		case o.leftOut != nil:
			fmt.Fprintf(s.err, "left out, its intent is not valid:\n%s\n", terminal.PrintableLines(o.leftOut.Error()))
		case o.text != nil:
			texts = append(texts, o.text)
		}
	}
	return texts, nil
}

func inYAML(e view.Entry) shown {
	return applicable(e, func(o model.Object) ([]byte, error) { return terminal.YAML(o) })
}

func printYAML(s streams, all []shown) error {
	texts, err := manifests(s, all)
	if err != nil {
		return err
	}
	return writeDocuments(s, texts)
}

// writeDocuments writes manifests in YAML as the documents of one file.
func writeDocuments(s streams, texts [][]byte) error {
	out := bufio.NewWriter(s.out)
	for i, text := range texts {
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(text)
	}
	return out.Flush()
}

func inJSON(e view.Entry) shown {
	return applicable(e, func(o model.Object) ([]byte, error) { return terminal.JSON(o) })
}

// printJSON writes one object as itself and several as a list; apply reads both.
func printJSON(s streams, sel selection, all []shown) error {
	texts, err := manifests(s, all)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(s.out)
	if len(texts) == 1 && len(sel.names) == 1 {
		out.Write(texts[0])
	} else {
		terminal.WriteList(out, texts)
	}
	return out.Flush()
}
