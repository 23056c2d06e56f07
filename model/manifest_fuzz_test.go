package model

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"unicode/utf8"
)

// FuzzManifest: whatever the text, decoding ends, and its errors fit a terminal. It returns only canonical objects: encoded and
// decoded again they are the same.
func FuzzManifest(f *testing.F) {
	files, _ := filepath.Glob("testdata/manifest/*[nl]")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("--- {kind: Port}\n---\r\n...\n--- |\n x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		objs, err := DecodeManifest("f", data)
		if err != nil {
			checkErrors(t, err)
			ValidateSet(objs, nil)
			return
		}
		for _, l := range objs {
			text, err := json.Marshal(l.Object)
			if err != nil {
				t.Fatal(err)
			}
			again, err := DecodeIntent(l.Object.ID(), text)
			if err != nil || !reflect.DeepEqual(again, l.Object) {
				t.Fatalf("%s\nbecame %+v\n%v", text, again, err)
			}
		}
		ValidateSet(objs, func(ID) (Object, bool) { return Object{}, false })
	})
}

// FuzzIntent: the same for the value of a key.
func FuzzIntent(f *testing.F) {
	for i, value := range []string{`{"spec": {"network": "blue", "addresses": ["10.0.0.1"]}}`, "spec: {mtu: 9000}", `{"a": "\ud83d"}`, "[[[[", "{}{}"} {
		f.Add(byte(i), "a", []byte(value))
	}
	f.Fuzz(func(t *testing.T, kind byte, name string, value []byte) {
		id := ID{"alpha", AllKinds().Names()[int(kind)%len(AllKinds().Names())], name}
		if id.Kind.ClusterScoped() {
			id.Project = ClusterProject
		}
		o, err := DecodeIntent(id, value)
		if err != nil {
			checkErrors(t, err)
			return
		}
		if o.ID() != id || len(Validate(o)) > 0 {
			t.Fatalf("%v decoded as %+v", id, o)
		}
	})
}

func checkErrors(t *testing.T, err error) {
	t.Helper()
	errs, ok := err.(Errors)
	if !ok || len(errs) == 0 || len(errs) > MaxErrors+1 {
		t.Fatalf("%d errors of type %T", len(errs), err)
	}
	for _, e := range errs {
		if len(e.Field) > 400 || len(e.Message) > 1000 || !utf8.ValidString(e.Error()) {
			t.Fatalf("field of %d bytes, message of %d, %q", len(e.Field), len(e.Message), e.Error())
		}
	}
}
