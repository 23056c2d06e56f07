package etcdschema

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"weft/model"
)

// DecodeStatus is Decode for a status. A status as controllers write it for most ports is read in a quarter of the time, because people
// list tens of thousands of them.
func DecodeStatus(value []byte) (Status, error) {
	if len(value) <= MaxValueBytes {
		if s, ok := usualStatus(value); ok {
			return s, nil
		}
	}
	return Decode[Status](value)
}

// usualStatus reads a status that Encode has written and that has no other fields than those here. ok is false for everything else.
func usualStatus(value []byte) (s Status, ok bool) {
	r := &wireReader{rest: value}
	r.need(`{"uid":`)
	s.UID = r.text()
	r.need(`,"phase":`)
	s.Phase = Phase(r.text())
	r.need(`,"intentRevision":`)
	s.IntentRevision = r.number()
	if r.has(`,"allocated":{`) {
		r.need(`"mac":`)
		r.parsed(s.Allocated.MAC.UnmarshalText)
		r.need(`,"addresses":`)
		s.Allocated.Addresses = r.addresses()
		r.need(`}`)
	}
	if r.has(`,"host":`) {
		s.Host = r.text()
	}
	if r.has(`,"nodes":{`) {
		s.Nodes = r.nodes()
	}
	r.need(`}`)
	return s, !r.other && len(r.rest) == 0
}

// wireReader reads JSON of a known form. other says that it has another form, or that it has to be read with more care.
type wireReader struct {
	rest  []byte
	other bool
}

// has skips the text, if it comes next.
func (r *wireReader) has(text string) bool {
	rest, ok := bytes.CutPrefix(r.rest, []byte(text))
	r.rest = rest
	return ok
}

func (r *wireReader) need(text string) { r.other = !r.has(text) || r.other }

// quoted is a text without escapes.
func (r *wireReader) quoted() []byte {
	r.need(`"`)
	end := bytes.IndexByte(r.rest, '"')
	if r.other || end < 0 {
		r.other = true
		return nil
	}
	text := r.rest[:end]
	for _, c := range text {
		r.other = r.other || c < ' ' || c == '\\' || c >= utf8.RuneSelf
	}
	r.rest = r.rest[end+1:]
	return text
}

func (r *wireReader) text() string { return string(r.quoted()) }

func (r *wireReader) parsed(parse func([]byte) error) {
	r.other = parse(r.quoted()) != nil || r.other
}

// number is a decimal number without a sign.
func (r *wireReader) number() int64 {
	n := 0
	for n < len(r.rest) && '0' <= r.rest[n] && r.rest[n] <= '9' {
		n++
	}
	v, err := strconv.ParseInt(string(r.rest[:n]), 10, 64)
	r.other = r.other || err != nil || n > 1 && r.rest[0] == '0'
	r.rest = r.rest[n:]
	return v
}

// addresses is a list with at least one address.
func (r *wireReader) addresses() (list []model.Address) {
	r.need(`[`)
	for {
		var a model.Address
		r.parsed(a.UnmarshalText)
		list = append(list, a)
		if r.other || !r.has(`,`) {
			break
		}
	}
	r.need(`]`)
	return list
}

// nodes is the rest of an object with at least one node. Each is only programmed or not.
func (r *wireReader) nodes() map[string]NodeStatus {
	nodes := map[string]NodeStatus{}
	for {
		name := r.text()
		r.need(`:{"desiredRevision":`)
		n := NodeStatus{DesiredRevision: r.number()}
		r.need(`,"programmed":`)
		if n.Programmed = r.has(`true`); !n.Programmed {
			r.need(`false`)
		}
		r.need(`}`)
		nodes[name] = n
		if r.other || !r.has(`,`) {
			break
		}
	}
	r.need(`}`)
	return nodes
}
