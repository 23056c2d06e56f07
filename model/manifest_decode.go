package model

import (
	"encoding/json"
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// MaxManifestBytes bounds one file of manifests.
const MaxManifestBytes = 8 << 20

// Located is an object with the place from which it was read. Errors that are found later can then name file and line too.
type Located struct {
	Object Object
	File   string
	Line   int            // of the object's first field
	lines  map[string]int // by path
}

// LineOf is the line of the field, or of the nearest enclosing field in the text.
func (l Located) LineOf(field string) int {
	for ; field != ""; field = parentPath(field) {
		if line, ok := l.lines[field]; ok {
			return line
		}
	}
	return l.Line
}

// place adds file, line and ID to errors about the object.
func (l Located) place(errs Errors) Errors {
	for i := range errs {
		errs[i].File, errs[i].Object = l.File, l.Object.ID()
		if errs[i].Line == 0 {
			errs[i].Line = l.LineOf(errs[i].Field)
		}
	}
	return errs
}

// DecodeManifest reads the objects of one file: YAML documents separated by "---", consecutive JSON objects, or lists of objects.
// It is strict (unknown and doubled fields, wrong types, missing names) and validates each object with Validate. The error is an
// Errors with everything that is wrong in the file. Even then it returns the objects that have a name, for checks across objects.
// They must not be stored.
func DecodeManifest(filename string, data []byte) ([]Located, error) {
	return DecodeManifestIn("", filename, data)
}

// DecodeManifestIn is DecodeManifest with a project for objects that need one and do not name one.
func DecodeManifestIn(project, filename string, data []byte) ([]Located, error) {
	if len(data) > MaxManifestBytes {
		return nil, Errors{{File: filename, Message: fmt.Sprintf("holds %d bytes, at most %d are read: split it",
			len(data), MaxManifestBytes)}}
	}
	docs, errs := parseDocuments(data)
	var out []Located
	for _, n := range flatten(docs) {
		o, lines, objErrs := AllKinds().decodeObject(n, ID{Project: project}, false)
		l := Located{Object: o, File: filename, Line: n.Line, lines: lines}
		errs = append(errs, l.place(append(objErrs, tooLarge(o)...))...)
		if o.Spec != nil && o.Metadata.Name != "" {
			out = append(out, l)
		}
	}
	for i := range errs {
		errs[i].File = filename
	}
	return out, errs.sorted().Err()
}

// tooLarge reports an object that is larger than an intent key may be. Only the sum of its lists can make it so.
func tooLarge(o Object) Errors {
	data, err := json.Marshal(o)
	if err != nil || len(data) <= MaxIntentBytes {
		return nil
	}
	return Errors{{Object: o.ID(), Field: "spec", Message: fmt.Sprintf("holds %d bytes as it is stored, at most %d are allowed: shorten its lists",
		len(data), MaxIntentBytes)}}
}

// flatten opens lists of objects, one level deep.
func flatten(docs []*yaml.Node) []*yaml.Node {
	var out []*yaml.Node
	for _, n := range docs {
		if n.Kind == yaml.SequenceNode {
			out = append(out, n.Content...)
			continue
		}
		out = append(out, n)
	}
	return out
}

// decodeObject reads one object and validates it. id is what is known already: the default project of a manifest or, when fixed,
// the whole ID, which the object may repeat but not contradict. The errors have no file yet.
func (list Kinds) decodeObject(n *yaml.Node, id ID, fixed bool) (Object, map[string]int, Errors) {
	d := &nodeDecoder{kinds: list, lines: make(map[string]int)}
	var head struct {
		APIVersion string   `json:"apiVersion"`
		Kind       Kind     `json:"kind"`
		Metadata   Metadata `json:"metadata"`
		Spec       struct{} `json:"spec"` // decoded below, by kind
	}
	members, ok := d.members(n, "")
	if !ok || !d.plain(n, "") {
		return Object{}, d.lines, d.errs
	}
	var spec *yaml.Node
	var rest []member
	for _, m := range members {
		if m.name == "spec" {
			spec = m.value
			d.lines["spec"] = m.key.Line
			continue
		}
		rest = append(rest, m)
	}
	d.structure(rest, n, "", reflect.ValueOf(&head).Elem())
	o := Object{APIVersion: head.APIVersion, Kind: head.Kind, Metadata: head.Metadata}
	if fixed {
		d.match(n, &o, id)
	} else {
		d.complete(n, &o, id.Project)
	}
	if o.Spec = list.New(o.Kind); o.Spec != nil && spec != nil {
		d.decode(spec, "spec", reflect.ValueOf(o.Spec).Elem())
	}
	return o, d.lines, append(d.errs, d.news(list.validate(o))...)
}

// complete checks what a manifest must say about its object, and fills in the default project.
func (d *nodeDecoder) complete(n *yaml.Node, o *Object, project string) {
	canonicalProject(o)
	if o.Kind == "" {
		d.require(n, "kind", "is missing: write one of "+d.kinds.text())
	}
	if o.APIVersion == "" {
		d.require(n, "apiVersion", "is missing: write "+APIVersion)
	}
	if o.Metadata.Project == "" && d.kinds.New(o.Kind) != nil && !o.Kind.ClusterScoped() {
		o.Metadata.Project = project
	}
}

// match checks that an intent value agrees with its key, and fills in what it omits.
func (d *nodeDecoder) match(n *yaml.Node, o *Object, id ID) {
	d.same(n, "kind", string(o.Kind), string(id.Kind))
	o.Kind = id.Kind
	canonicalProject(o)
	want := id.Project
	if id.Kind.ClusterScoped() {
		want = ""
	}
	d.same(n, "metadata.project", o.Metadata.Project, want)
	d.same(n, "metadata.name", o.Metadata.Name, id.Name)
	o.Metadata.Project, o.Metadata.Name = want, id.Name
	if o.APIVersion == "" && !d.failed("apiVersion") {
		o.APIVersion = APIVersion
	}
}

func (d *nodeDecoder) same(n *yaml.Node, path, got, want string) {
	if got != "" && got != want {
		d.require(n, path, fmt.Sprintf("is %s, but the key says %s: make them agree or remove the field", quote(got), quote(want)))
	}
}

// require adds an error about a field, unless the field has one already.
func (d *nodeDecoder) require(n *yaml.Node, path, message string) {
	if d.failed(path) {
		return
	}
	line := Located{Line: n.Line, lines: d.lines}.LineOf(path)
	d.errs = append(d.errs, FieldError{Line: line, Field: path, Message: message})
}

func (d *nodeDecoder) failed(path string) bool {
	for _, e := range d.errs {
		if related(e.Field, path) {
			return true
		}
	}
	return false
}

// news keeps only errors about fields without a decoding error. Otherwise a value that could not be read would also be reported as
// missing.
func (d *nodeDecoder) news(errs Errors) Errors {
	var out Errors
	for _, e := range errs {
		if !d.failed(e.Field) {
			out = append(out, e)
		}
	}
	return out
}

// canonicalProject removes the project of a cluster-scoped object, because it is stored without one.
func canonicalProject(o *Object) {
	if o.Kind.ClusterScoped() && o.Metadata.Project == ClusterProject {
		o.Metadata.Project = ""
	}
}
