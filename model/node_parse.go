package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxDepth bounds the nesting of a manifest. The deepest field of any kind is at level seven.
const maxDepth = 24

// parseDocuments reads the documents of a YAML or JSON text as nodes. Their lines count from the first line of the text. A document
// that is no valid YAML is reported and does not hide the others: a line that begins with "---" always separates documents (YAML
// 1.2 section 9.1.2), so the text is divided there before it is parsed.
func parseDocuments(data []byte) ([]*yaml.Node, Errors) {
	if !utf8.Valid(data) {
		return nil, Errors{{Message: "the text is not UTF-8: save it as UTF-8"}}
	}
	var docs []*yaml.Node
	var errs Errors
	for _, c := range cutDocuments(data) {
		nodes, err := parseChunk(c.text)
		for _, n := range nodes {
			shiftLines(n, c.line)
		}
		docs = append(docs, nodes...)
		if err != nil {
			err.Line = c.line + max(err.Line, 1)
			errs = append(errs, *err)
		}
	}
	return docs, errs
}

// chunk is the text of one document; line is the number of lines before it.
type chunk struct {
	text []byte
	line int
}

func cutDocuments(data []byte) []chunk {
	var out []chunk
	start, startLine, line := 0, 0, 0
	for pos := 0; pos < len(data); line++ {
		end := len(data)
		if i := bytes.IndexByte(data[pos:], '\n'); i >= 0 {
			end = pos + i + 1
		}
		if isSeparator(data[pos:end]) && pos > start {
			out = append(out, chunk{data[start:pos], startLine})
			start, startLine = pos, line
		}
		pos = end
	}
	return append(out, chunk{data[start:], startLine})
}

func isSeparator(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || strings.IndexByte(" \t\r\n", rest[0]) >= 0)
}

func parseChunk(text []byte) ([]*yaml.Node, *FieldError) {
	first := bytes.TrimLeft(text, " \t\r\n")
	if len(first) == 0 {
		return nil, nil
	}
	if first[0] != '{' && first[0] != '[' {
		return parseYAML(text)
	}
	nodes, err := parseJSON(text)
	if err == nil {
		return nodes, nil
	}
	if flow, yamlErr := parseYAML(text); yamlErr == nil { // {a: b} is YAML, not JSON
		return flow, nil
	}
	return nil, err
}

var yamlErrorLine = regexp.MustCompile(`line (\d+): `)

func parseYAML(text []byte) ([]*yaml.Node, *FieldError) {
	var nodes []*yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return nodes, nil
		}
		if err != nil {
			return nodes, yamlError(err)
		}
		if len(doc.Content) == 1 && !isNull(doc.Content[0]) {
			nodes = append(nodes, doc.Content[0])
		}
	}
}

func yamlError(err error) *FieldError {
	msg, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
	if m := yamlErrorLine.FindStringSubmatchIndex(msg); m != nil {
		line, _ = strconv.Atoi(msg[m[2]:m[3]])
		msg = msg[m[1]:]
	}
	if len(msg) > 2*maxQuoted {
		msg = msg[:2*maxQuoted] + "…"
	}
	return &FieldError{Line: line, Message: "not YAML: " + strings.ToValidUTF8(msg, "?") +
		": check indentation, colons and quotes around this line"}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// shiftLines works without recursion, because the YAML library allows nesting that would need a deep stack.
func shiftLines(n *yaml.Node, by int) {
	if by == 0 {
		return
	}
	for stack := []*yaml.Node{n}; len(stack) > 0; {
		last := stack[len(stack)-1]
		stack = append(stack[:len(stack)-1], last.Content...)
		last.Line += by
	}
}

// jsonParser makes the same nodes from JSON. The YAML library would read most JSON, but no surrogate pairs ("\ud83d…"), and its
// messages for mistakes in JSON are misleading.
type jsonParser struct {
	dec  *json.Decoder
	text []byte
	seen int // bytes counted into line
	line int
}

func parseJSON(text []byte) ([]*yaml.Node, *FieldError) {
	p := &jsonParser{dec: json.NewDecoder(bytes.NewReader(text)), text: text, line: 1}
	p.dec.UseNumber()
	var nodes []*yaml.Node
	for {
		n, err := p.value(0)
		if errors.Is(err, io.EOF) {
			return nodes, nil
		}
		if err != nil {
			return nil, p.fail(err)
		}
		nodes = append(nodes, n)
	}
}

func (p *jsonParser) fail(err error) *FieldError {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return &FieldError{Line: p.lineAt(syntax.Offset), Message: "not JSON: " + syntax.Error()}
	}
	return &FieldError{Line: p.lineAt(p.dec.InputOffset()), Message: "not JSON: " + err.Error()}
}

func (p *jsonParser) lineAt(offset int64) int {
	end := min(int(offset), len(p.text))
	if end > p.seen {
		p.line += bytes.Count(p.text[p.seen:end], []byte{'\n'})
		p.seen = end
	}
	return p.line
}

func (p *jsonParser) value(depth int) (*yaml.Node, error) {
	tok, err := p.dec.Token()
	if err != nil {
		if depth > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: p.lineAt(p.dec.InputOffset())}
	switch v := tok.(type) {
	case string:
		n.Tag, n.Value = "!!str", v
	case bool:
		n.Tag, n.Value = "!!bool", strconv.FormatBool(v)
	case nil:
		n.Tag = "!!null"
	case json.Number:
		n.Tag, n.Value = "!!int", v.String()
		if strings.ContainsAny(n.Value, ".eE") {
			n.Tag = "!!float"
		}
	case json.Delim:
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
		if v == '[' {
			n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		}
		if err := p.members(n, depth+1); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (p *jsonParser) members(n *yaml.Node, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d levels: no manifest is", maxDepth)
	}
	for p.dec.More() { // keys of objects come as values, one after the other
		m, err := p.value(depth)
		if err != nil {
			return err
		}
		n.Content = append(n.Content, m)
	}
	_, err := p.dec.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}
