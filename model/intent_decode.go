package model

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// MaxIntentBytes bounds the value of one intent key. Two kinds of objects can be larger although each of their fields is within bounds:
// an external network whose routedPrefixes name thousands of projects, and a port whose user data has tens of thousands of characters
// that JSON escapes. DecodeManifest and DecodeIntent refuse them.
const MaxIntentBytes = 256 << 10

// DecodeIntent reads the value of an intent key: one object, JSON or YAML, as strictly as a manifest and by the same code. The key
// determines the object. Therefore apiVersion, kind and metadata may be omitted, but must agree with the key if they are given. The
// error is an Errors with everything that is wrong. Lines count within the value.
func DecodeIntent(id ID, data []byte) (Object, error) { return AllKinds().DecodeIntent(id, data) }

// DecodeIntent is the function of this name, for an object of one of the kinds.
func (list Kinds) DecodeIntent(id ID, data []byte) (Object, error) {
	if o, ok := list.decodeCanonical(id, data); ok {
		return o, nil
	}
	return list.decodeStrictly(id, data)
}

// decodeCanonical reads a valid object that is written exactly as Weft writes objects. That is most of what is in etcd, and takes a
// tenth of the time. ok is false for everything else, which decodeStrictly judges.
func (list Kinds) decodeCanonical(id ID, data []byte) (o Object, ok bool) {
	if len(data) > MaxIntentBytes || !bytes.HasPrefix(data, []byte("{")) {
		return o, false
	}
	if o, ok = list.decodePlain(id, data); ok {
		return o, len(list.validate(o)) == 0
	}
	o, err := list.DecodeObject(data)
	if err != nil || o.ID() != id {
		return o, false
	}
	return o, isWritten(o, data) && len(list.validate(o)) == 0
}

// decodePlain reads an object without a display name. Everything but its spec follows from its ID.
func (list Kinds) decodePlain(id ID, data []byte) (o Object, ok bool) {
	o = Object{APIVersion: APIVersion, Kind: id.Kind, Metadata: Metadata{Project: id.Project, Name: id.Name}, Spec: list.New(id.Kind)}
	project := `{"project":"` + id.Project + `","name":"`
	if id.Kind.ClusterScoped() {
		project, o.Metadata.Project = `{"name":"`, ""
	}
	for _, part := range []string{`{"apiVersion":"` + APIVersion + `","kind":"`, string(id.Kind), `","metadata":`, project, id.Name, `"},"spec":`} {
		if data, ok = bytes.CutPrefix(data, []byte(part)); !ok {
			return o, false
		}
	}
	data, ok = bytes.CutSuffix(data, []byte("}"))
	if !ok || o.Spec == nil || json.Unmarshal(data, o.Spec) != nil {
		return o, false
	}
	return o, isWritten(o.Spec, data)
}

// isWritten says that writing a value gives the data. What is lost or changed by reading (an unknown field, a field twice, another
// spelling) is different when it is written again.
func isWritten(v any, data []byte) bool {
	again, err := json.Marshal(v)
	return err == nil && bytes.Equal(again, data)
}

func (list Kinds) decodeStrictly(id ID, data []byte) (Object, error) {
	whole := func(format string, args ...any) (Object, error) {
		return Object{}, Errors{{Object: id, Message: fmt.Sprintf(format, args...)}}
	}
	if len(data) > MaxIntentBytes {
		return whole("the value holds %d bytes, at most %d are read: shorten the object's lists, or write userData as userDataBase64", len(data), MaxIntentBytes)
	}
	docs, errs := parseDocuments(data)
	if len(errs) == 0 && len(docs) == 0 {
		return whole("the value is empty: write an object such as {\"spec\": {}}, or delete the key")
	}
	if len(docs) > 1 {
		return whole("the value holds %d documents: one key holds one object", len(docs))
	}
	if len(errs) > 0 {
		return Object{}, named(errs, id).Err()
	}
	o, lines, errs := list.decodeObject(docs[0], id, true)
	l := Located{Object: o, Line: docs[0].Line, lines: lines}
	if errs = named(l.place(errs), id).sorted(); len(errs) > 0 {
		return Object{}, errs
	}
	return o, nil
}

func named(errs Errors, id ID) Errors {
	for i := range errs {
		errs[i].Object = id
	}
	return errs
}
