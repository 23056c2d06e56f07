package terminal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"

	yamlnode "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// WriteJSON writes a value as indented JSON. Characters that control a terminal are escaped. A JSON reader gets the same value.
func WriteJSON(out io.Writer, v any) error {
	text, err := JSON(v)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// JSON is a value as WriteJSON writes it.
func JSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", jsonIndent)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	if !bytes.ContainsFunc(b.Bytes(), obeyed) {
		return b.Bytes(), nil
	}
	return []byte(escaped(b.String(), func(r rune) string {
		if hi, lo := utf16.EncodeRune(r); hi != unicode.ReplacementChar {
			return fmt.Sprintf(`\u%04x\u%04x`, hi, lo)
		}
		return fmt.Sprintf(`\u%04x`, r)
	})), nil
}

const jsonIndent = "  "

// WriteList writes values that JSON has made as one list, as WriteJSON writes a list.
func WriteList(out *bufio.Writer, values [][]byte) {
	between := ""
	out.WriteString("[")
	for _, text := range values {
		out.WriteString(between)
		for line := range bytes.Lines(text) {
			out.WriteString("\n" + jsonIndent)
			out.Write(bytes.TrimSuffix(line, []byte("\n")))
		}
		between = ","
	}
	if between != "" {
		out.WriteString("\n")
	}
	out.WriteString("]\n")
}

// YAML is a value as YAML. Texts with characters that control a terminal are quoted, because only quoted texts can be escaped.
func YAML(v any) ([]byte, error) {
	data, err := yaml.Marshal(v)
	if err != nil || !strings.ContainsFunc(string(data), obeyed) {
		return data, err
	}
	var n yamlnode.Node
	if err := yamlnode.Unmarshal(data, &n); err != nil {
		return nil, err
	}
	quoteObeyed(&n)
	var b bytes.Buffer
	enc := yamlnode.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&n); err != nil {
		return nil, err
	}
	return []byte(escaped(b.String(), func(r rune) string { return fmt.Sprintf(`\U%08x`, r) })), nil
}

func quoteObeyed(n *yamlnode.Node) {
	if n.Kind == yamlnode.ScalarNode && strings.ContainsFunc(n.Value, obeyed) {
		n.Style = yamlnode.DoubleQuotedStyle
	}
	for _, inner := range n.Content {
		quoteObeyed(inner)
	}
}

// obeyed says that the character controls a terminal and is not shown. The end of a line does not count, because it is wanted.
func obeyed(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }

func escaped(text string, escape func(rune) string) string {
	var b strings.Builder
	for _, r := range text {
		if obeyed(r) {
			b.WriteString(escape(r))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
