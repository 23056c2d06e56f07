package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"weft/etcdschema"
	"weft/model"
)

// selection says which objects of a kind are selected: the named ones, all of one project, or all of all projects.
type selection struct {
	kind    model.Kind
	names   []string
	project string
	all     bool
}

func (s selection) where() string {
	switch {
	case s.kind.ClusterScoped():
		return "in the cluster"
	case s.all:
		return "in any project"
	}
	return "in project " + s.project
}

// projects are those whose objects are selected, in the order of their keys.
func (s selection) projects(ctx context.Context, st store) iter.Seq2[string, error] {
	switch {
	case s.kind.ClusterScoped():
		return only(model.ClusterProject, nil)
	case s.all:
		return st.Names(ctx, etcdschema.IntentPrefix())
	case s.project == "":
		return only("", errors.New("which project? Name it with -p or WEFT_PROJECT, or list all with -A"))
	}
	return only(s.project, nil)
}

func only(name string, err error) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) { yield(name, err) }
}

// notFound is an error that names the objects that do not exist; nil if there are none.
func notFound(missing []model.ID) error {
	var errs []error
	for _, id := range missing {
		errs = append(errs, fmt.Errorf("%s does not exist: `weft get %s` lists those that do", id, id.Kind.Segment()))
	}
	return errors.Join(errs...)
}

// identify makes an ID of what was typed: a kind, and a name or project/name.
func identify(kindArg, name, project string) (model.ID, error) {
	kind, err := parseKind(kindArg)
	if err != nil {
		return model.ID{}, err
	}
	if kind.ClusterScoped() {
		return model.ID{Project: model.ClusterProject, Kind: kind, Name: name}, nil
	}
	if p, n, ok := strings.Cut(name, "/"); ok {
		project, name = p, n
	}
	if project == "" {
		return model.ID{}, fmt.Errorf("%s %s: which project? Name it with -p, WEFT_PROJECT or as project/%s", kind, name, name)
	}
	return model.ID{Project: project, Kind: kind, Name: name}, nil
}

func kindNames() []string {
	names := make([]string, 0, 5)
	for _, k := range model.AllKinds().Names() {
		names = append(names, k.Segment())
	}
	slices.Sort(names)
	return names
}

func parseKind(arg string) (model.Kind, error) {
	kind, ok := model.AllKinds().Parse(arg)
	if !ok {
		return "", fmt.Errorf("%q is no kind: use one of %v", arg, kindNames())
	}
	return kind, nil
}
