package model

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxItems bounds every list. Validation has a lower bound for each.
const maxItems = 1024

// nodeDecoder fills Go values from nodes. It records every mistake instead of stopping at the first one. The names of the fields
// are those of the json tags, so that manifests, intent and accepted values use the same names.
type nodeDecoder struct {
	kinds Kinds
	errs  Errors
	lines map[string]int // line of every path in the text
}

func (d *nodeDecoder) fail(n *yaml.Node, path, format string, args ...any) {
	d.errs = append(d.errs, FieldError{Line: n.Line, Field: path, Message: fmt.Sprintf(format, args...)})
}

var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,18})$`)

// decode reads n into v, which must be settable. v keeps its zero value where n is wrong. It recurses only as deep as the types, so
// nesting needs no bound here.
func (d *nodeDecoder) decode(n *yaml.Node, path string, v reflect.Value) {
	d.lines[path] = n.Line
	if !d.plain(n, path) {
		return
	}
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(n, path, text)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if members, ok := d.members(n, path); ok {
			d.structure(members, n, path, v)
		}
	case reflect.Pointer:
		d.pointer(n, path, v)
	case reflect.Slice:
		d.list(n, path, v)
	case reflect.String:
		d.str(n, path, v)
	case reflect.Bool:
		d.boolean(n, path, v)
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		d.integer(n, path, v)
	default:
		d.fail(n, path, "fields of type %s cannot be read", v.Type())
	}
}

// plain refuses what YAML has beyond JSON. A manifest must mean what a reader sees in it, and aliases can expand a small text into
// a huge one.
func (d *nodeDecoder) plain(n *yaml.Node, path string) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		d.fail(n, path, "is an alias (*%s): write the value out", bounded(n.Value))
	case n.Anchor != "":
		d.fail(n, path, "carries an anchor (&%s): remove it", bounded(n.Anchor))
	case n.Style&yaml.TaggedStyle != 0:
		d.fail(n, path, "carries a tag (%s): remove it", bounded(n.Tag))
	default:
		return true
	}
	return false
}

func bounded(s string) string {
	q := quote(s)
	return strings.Trim(q, `"`)
}

// pointer reads a group of fields. It counts as given even when it has no fields.
func (d *nodeDecoder) pointer(n *yaml.Node, path string, v reflect.Value) {
	if isNull(n) {
		d.fail(n, path, "is empty: write {} for the defaults, or remove the field")
		return
	}
	v.Set(reflect.New(v.Type().Elem()))
	d.decode(n, path, v.Elem())
}

// member is one key of a mapping with its value.
type member struct {
	name       string
	key, value *yaml.Node
}

// members lists a mapping's keys, each once. An empty (null) mapping has none.
func (d *nodeDecoder) members(n *yaml.Node, path string) ([]member, bool) {
	if isNull(n) {
		return nil, true
	}
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "expected fields (name: value), found %s", describe(n))
		return nil, false
	}
	first := make(map[string]int)
	var out []member
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		name := key.Value
		at := join(path, bounded(name))
		if key.Kind != yaml.ScalarNode || key.Tag != "!!str" || key.Anchor != "" {
			d.fail(key, path, "a field's name must be a plain word, found %s", describe(key))
			continue
		}
		if line, ok := first[name]; ok {
			d.fail(key, at, "is given twice, first in line %d: keep one", line)
			continue
		}
		first[name] = key.Line
		out = append(out, member{name, key, n.Content[i+1]})
	}
	return out, true
}

func (d *nodeDecoder) structure(members []member, n *yaml.Node, path string, v reflect.Value) {
	fields, names := structFields(v.Type())
	for _, m := range members {
		i, ok := fields[m.name]
		if !ok {
			d.unknown(m, path, names)
			continue
		}
		d.decode(m.value, join(path, m.name), v.Field(i))
		d.lines[join(path, m.name)] = m.key.Line
	}
}

func (d *nodeDecoder) unknown(m member, path string, names []string) {
	known := "no field is known here"
	if len(names) > 0 {
		known = "known here: " + strings.Join(names, ", ")
	}
	d.fail(m.key, join(path, bounded(m.name)), "unknown field: correct or remove it; %s", known)
}

// structFields maps the json names of a struct's fields to their indexes and lists the names in order.
func structFields(t reflect.Type) (map[string]int, []string) {
	fields := make(map[string]int, t.NumField())
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = i
			names = append(names, name)
		}
	}
	return fields, names
}

func (d *nodeDecoder) list(n *yaml.Node, path string, v reflect.Value) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.fail(n, path, "expected a list, found %s", describe(n))
		return
	}
	if len(n.Content) > maxItems {
		d.fail(n, path, "has %d items, at most %d are read", len(n.Content), maxItems)
		return
	}
	if len(n.Content) == 0 {
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		d.decode(item, path+"["+strconv.Itoa(i)+"]", out.Index(i))
	}
	v.Set(out)
}

func (d *nodeDecoder) text(n *yaml.Node, path string, into encoding.TextUnmarshaler) {
	switch {
	case n.Kind != yaml.ScalarNode:
		d.fail(n, path, "expected a text value, found %s", describe(n))
	case isNull(n) || n.Value == "":
		d.fail(n, path, "is empty: give it a value or remove the field")
	default:
		if err := into.UnmarshalText([]byte(n.Value)); err != nil {
			d.fail(n, path, "%s", err)
		}
	}
}

func (d *nodeDecoder) str(n *yaml.Node, path string, v reflect.Value) {
	switch {
	case n.Kind != yaml.ScalarNode || isNull(n):
		d.fail(n, path, "expected text, found %s", describe(n))
	case n.Tag != "!!str":
		d.fail(n, path, "expected text, found %s: put it in quotes", describe(n))
	default:
		v.SetString(n.Value)
	}
}

func (d *nodeDecoder) integer(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || !decimal.MatchString(n.Value) {
		d.fail(n, path, "expected a whole decimal number, found %s", describe(n))
		return
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	if err == nil && v.CanInt() && !v.OverflowInt(i) {
		v.SetInt(i)
		return
	}
	if err == nil && v.CanUint() && i >= 0 && !v.OverflowUint(uint64(i)) {
		v.SetUint(uint64(i))
		return
	}
	d.fail(n, path, "%s is out of range", bounded(n.Value))
}

// boolean reads true and false. YAML's other spellings are refused, because their meaning depends on the reader.
func (d *nodeDecoder) boolean(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Value != "true" && n.Value != "false" {
		d.fail(n, path, "expected true or false, found %s", describe(n))
		return
	}
	v.SetBool(n.Value == "true")
}

// describe says what a node is, for "expected …, found …".
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "fields"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case isNull(n):
		return "nothing"
	case n.Tag == "!!int" || n.Tag == "!!float":
		return "the number " + bounded(n.Value)
	case n.Tag == "!!bool":
		return "the truth value " + bounded(n.Value)
	case n.Tag == "!!timestamp":
		return "the date " + bounded(n.Value)
	}
	return "the text " + quote(n.Value)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
