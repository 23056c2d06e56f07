package etcdschema

import (
	"bytes"
	"encoding/json"
)

// jsonObject is a JSON object whose members keep their order.
type jsonObject struct {
	members []jsonMember
	at      map[string]int // index by name
}

type jsonMember struct {
	name  string
	value json.RawMessage
}

// parseObject reads a JSON object. When members have the same name, the last one counts, as in encoding/json.
func parseObject(data json.RawMessage) (*jsonObject, bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	o := &jsonObject{at: map[string]int{}}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			return nil, false
		}
		o.set(name, value)
	}
	return o, true
}

func (o *jsonObject) get(name string) (json.RawMessage, bool) {
	i, ok := o.at[name]
	if !ok {
		return nil, false
	}
	return o.members[i].value, true
}

// set replaces a member in its place, or adds it at the end.
func (o *jsonObject) set(name string, value json.RawMessage) {
	if i, ok := o.at[name]; ok {
		o.members[i].value = value
		return
	}
	o.at[name] = len(o.members)
	o.members = append(o.members, jsonMember{name, value})
}

func (o *jsonObject) encode() (json.RawMessage, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o.members {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		if err := json.Compact(&b, m.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
