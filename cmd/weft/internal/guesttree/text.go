package guesttree

import (
	"path"
	"strings"
)

// The marks around Weft's keys in authorized_keys.
const (
	keysBegin = "# Keys by `weft inject`, which replaces them:"
	keysEnd   = "# End of the keys by `weft inject`."
)

// withKeys is the text of authorized_keys with these keys between the marks. All other lines stay. Marks that have no counterpart count
// as lines of others.
func withKeys(text string, keys []string) string {
	var out []string
	var block []string // the lines since a begin
	in := false
	for line := range strings.Lines(text) {
		switch mark := strings.TrimRight(line, "\r\n"); {
		case mark == keysBegin:
			out, block, in = append(out, block...), []string{line}, true
		case in && mark == keysEnd:
			block, in = nil, false
		case in:
			block = append(block, line)
		default:
			out = append(out, line)
		}
	}
	out = append(out, block...) // a begin without an end
	next := strings.Join(out, "")
	if len(keys) == 0 {
		return next
	}
	if next != "" && !strings.HasSuffix(next, "\n") {
		next += "\n"
	}
	return next + keysBegin + "\n" + strings.Join(keys, "\n") + "\n" + keysEnd + "\n"
}

// includes says that the text of etc/network/interfaces includes Weft's file (interfaces(5): source, source-directory).
func includes(text string) bool {
	const file = "/" + interfacesPath
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		for _, word := range words[1:] {
			if !path.IsAbs(word) {
				word = "/etc/network/" + word
			}
			switch words[0] {
			case "source":
				if ok, err := path.Match(word, file); ok && err == nil {
					return true
				}
			case "source-directory":
				if ok, err := path.Match(path.Clean(word), path.Dir(file)); ok && err == nil {
					return true
				}
			}
		}
	}
	return false
}

// configures says that the text of etc/network/interfaces configures an interface itself.
func configures(text string) bool {
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) >= 2 && words[0] == "iface" && words[1] != "lo" {
			return true
		}
	}
	return false
}
