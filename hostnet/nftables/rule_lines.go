package nftables

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Line is one line of a file of rules, with its end. Chain and Comment are set if it is a rule: its chain, and the comment by which it is found again.
type Line struct {
	Text    string
	Chain   string
	Comment string
}

// NumberRules reads a file of rules as nft does, one rule a line. Rules are the lines within chains that are neither braces, comments nor hooks.
// A rule's comment has the version of the whole file and the rule's number in it. chains holds the comments of each chain's rules in order, also
// of chains without rules.
func NumberRules(text string) (lines []Line, chains map[string][]string) {
	sum := sha256.Sum256([]byte(text))
	version := hex.EncodeToString(sum[:6])
	chains = map[string][]string{}
	chain, number := "", 0
	for line := range strings.Lines(text) {
		l := Line{Text: line}
		words := strings.Fields(line)
		switch {
		case len(words) == 3 && words[0] == "chain":
			chain = words[1]
			chains[chain] = nil
		case len(words) == 1 && words[0] == "}":
			chain = ""
		case chain != "" && len(words) > 0 && words[0] != "type" && words[0][0] != '#':
			l.Chain, l.Comment = chain, fmt.Sprintf("weft %s %d", version, number)
			number++
			chains[chain] = append(chains[chain], l.Comment)
		}
		lines = append(lines, l)
	}
	return lines, chains
}
