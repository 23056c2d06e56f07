package etcdschema

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Rewrite encodes v and keeps the fields of old that v's type does not know. Therefore the fields of a newer version survive a
// write by an older version. This includes nested objects and maps. An element of a list keeps its unknown fields only if the rest
// of the element is unchanged, because nothing else says which element is which. An old value that is no JSON object has nothing to
// keep.
func Rewrite(old []byte, v any) ([]byte, error) {
	fresh, err := Encode(v)
	if err != nil {
		return nil, err
	}
	if len(old) > MaxValueBytes {
		return nil, fmt.Errorf("rewrite %T: the old value has %d bytes, at most %d are allowed", v, len(old), MaxValueBytes)
	}
	if !json.Valid(old) {
		return fresh, nil
	}
	out, err := carry(old, fresh, reflect.ValueOf(v))
	if err != nil {
		return nil, fmt.Errorf("rewrite %T: %w", v, err)
	}
	if len(out) > MaxValueBytes {
		return nil, fmt.Errorf("rewrite %T: %d bytes with the fields carried over, at most %d are allowed", v, len(out), MaxValueBytes)
	}
	return out, nil
}

// Plain says that a value is exactly the encoding of its record: it holds nothing that the record's type does not know. For such a
// value Encode of the new record gives the same result as Rewrite, and costs much less.
func Plain(value []byte, record any) bool {
	data, err := Encode(record)
	return err == nil && bytes.Equal(data, value)
}

// carry returns fresh, the encoding of v, with the fields of old that v's type does not know.
func carry(old, fresh json.RawMessage, v reflect.Value) (json.RawMessage, error) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() || opaque(v.Type()) {
			return fresh, nil
		}
		v = v.Elem()
	}
	if !v.IsValid() || opaque(v.Type()) {
		return fresh, nil
	}
	switch v.Kind() {
	case reflect.Struct:
		return carryStruct(old, fresh, v)
	case reflect.Map:
		return carryMap(old, fresh, v)
	case reflect.Slice, reflect.Array:
		return carryList(old, fresh, v)
	}
	return fresh, nil
}

// opaque says that a type encodes itself. What is inside of it is not compared.
func opaque(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

func carryStruct(old, fresh json.RawMessage, v reflect.Value) (json.RawMessage, error) {
	was, ok := parseObject(old)
	now, okNow := parseObject(fresh)
	if !ok || !okNow {
		return fresh, nil
	}
	known := structFields(v, map[string]reflect.Value{})
	for _, m := range was.members {
		name, field, isKnown := lookupField(known, m.name)
		if !isKnown {
			now.set(m.name, m.value)
			continue
		}
		value, present := now.get(name)
		if !present {
			if field.Kind() != reflect.Struct {
				continue // omitted because it is empty now: its old content is gone
			}
			value = json.RawMessage("{}")
		}
		value, err := carry(m.value, value, field)
		if err != nil {
			return nil, err
		}
		if present || string(value) != "{}" {
			now.set(name, value)
		}
	}
	return now.encode()
}

func carryMap(old, fresh json.RawMessage, v reflect.Value) (json.RawMessage, error) {
	was, ok := parseObject(old)
	now, okNow := parseObject(fresh)
	if !ok || !okNow || v.Type().Key().Kind() != reflect.String {
		return fresh, nil
	}
	for _, key := range v.MapKeys() {
		value, okNew := now.get(key.String())
		before, okOld := was.get(key.String())
		if !okNew || !okOld {
			continue
		}
		value, err := carry(before, value, v.MapIndex(key))
		if err != nil {
			return nil, err
		}
		now.set(key.String(), value)
	}
	return now.encode()
}

func carryList(old, fresh json.RawMessage, v reflect.Value) (json.RawMessage, error) {
	var was, now []json.RawMessage
	if json.Unmarshal(old, &was) != nil || json.Unmarshal(fresh, &now) != nil || len(now) != v.Len() {
		return fresh, nil
	}
	elem := v.Type().Elem()
	for elem.Kind() == reflect.Pointer {
		elem = elem.Elem()
	}
	if elem.Kind() != reflect.Struct || opaque(elem) {
		return fresh, nil
	}
	byKnown := map[string]json.RawMessage{} // old elements by the encoding of their known fields
	for _, e := range was {
		p := reflect.New(elem)
		if json.Unmarshal(e, p.Interface()) == nil {
			if key, err := json.Marshal(p.Interface()); err == nil {
				byKnown[string(key)] = e
			}
		}
	}
	for i := range now {
		before, ok := byKnown[string(now[i])]
		if !ok {
			continue
		}
		var err error
		if now[i], err = carry(before, now[i], v.Index(i)); err != nil {
			return nil, err
		}
	}
	return json.Marshal(now)
}

// structFields collects the fields of a struct by their JSON names, including those of embedded structs.
func structFields(v reflect.Value, into map[string]reflect.Value) map[string]reflect.Value {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Tag.Get("json") == "-":
		case f.Anonymous && tag == "" && f.Type.Kind() == reflect.Struct:
			structFields(v.Field(i), into)
		case !f.IsExported():
		case tag != "":
			into[tag] = v.Field(i)
		default:
			into[f.Name] = v.Field(i)
		}
	}
	return into
}

// lookupField finds a field as encoding/json does: by its exact name, otherwise ignoring case.
func lookupField(fields map[string]reflect.Value, name string) (string, reflect.Value, bool) {
	if f, ok := fields[name]; ok {
		return name, f, true
	}
	for n, f := range fields {
		if strings.EqualFold(n, name) {
			return n, f, true
		}
	}
	return "", reflect.Value{}, false
}
