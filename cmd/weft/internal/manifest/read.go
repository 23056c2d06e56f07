// Package manifest reads the manifests that a command names with -f: files, directories and stdin.
package manifest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weft/model"
)

// Read reads everything that the paths name: a file, the manifests in a directory, or "-" for stdin. project is that of objects which name
// none. The error is a model.Errors with all errors in all files, and then objects are returned too. Or it says which file could not be
// read.
func Read(paths []string, stdin io.Reader, project string) ([]model.Located, error) {
	if len(paths) == 0 {
		return nil, errors.New("nothing to read: name a file, a directory or - for stdin with -f")
	}
	var objs []model.Located
	var errs model.Errors
	for _, path := range paths {
		files, err := expand(path)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			data, err := readBounded(file, stdin)
			if err != nil {
				return nil, err
			}
			found, err := model.DecodeManifestIn(project, display(file), data)
			objs = append(objs, found...)
			var wrong model.Errors
			if errors.As(err, &wrong) {
				errs = append(errs, wrong...)
			} else if err != nil {
				return nil, err
			}
		}
	}
	if len(objs) == 0 && len(errs) == 0 {
		return nil, fmt.Errorf("no object in %s: a manifest has apiVersion, kind, metadata and spec", strings.Join(paths, ", "))
	}
	return objs, errs.Err()
}

func display(file string) string {
	if file == "-" {
		return "stdin"
	}
	return file
}

// expand lists the manifests of a directory in the order of their names. It does not read directories below.
func expand(path string) ([]string, error) {
	if path == "-" {
		return []string{path}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(e.Name())) && !e.IsDir() {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no .yaml, .yml or .json file in this directory", path)
	}
	return files, nil
}

// readBounded reads at most one byte more than a manifest may have, so that the decoder reports that it is too large.
func readBounded(file string, stdin io.Reader) ([]byte, error) {
	r := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	data, err := io.ReadAll(io.LimitReader(r, model.MaxManifestBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", display(file), err)
	}
	return data, nil
}
