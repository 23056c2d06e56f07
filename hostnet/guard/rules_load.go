package guard

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // the rules are a file of their own
	"encoding/hex"
	"fmt"
	"os/exec"
	"strings"
)

//go:embed rules.nft
var rules string

// ruleText is the ruleset with a comment on each rule, by which it is recognised: the version of the whole set and the
// rule's number in it.
type ruleText struct {
	text string
	// chains holds, for each chain, the comments of its rules in order.
	chains map[string][]string
}

// newRuleText numbers the rules: they are the lines within chains that are neither braces, comments nor hooks.
func newRuleText() ruleText {
	sum := sha256.Sum256([]byte(rules))
	version := hex.EncodeToString(sum[:6])
	t := ruleText{chains: map[string][]string{}}
	var b strings.Builder
	chain, number := "", 0
	for line := range strings.Lines(rules) {
		words := strings.Fields(line)
		switch {
		case len(words) == 3 && words[0] == "chain":
			chain = words[1]
			t.chains[chain] = nil
		case len(words) == 1 && words[0] == "}":
			chain = ""
		case chain != "" && len(words) > 0 && words[0] != "type" && words[0][0] != '#':
			comment := fmt.Sprintf("weft %s %d", version, number)
			number++
			t.chains[chain] = append(t.chains[chain], comment)
			line = strings.TrimRight(line, "\n") + fmt.Sprintf(" comment %q\n", comment)
		}
		b.WriteString(line)
	}
	t.text = b.String()
	return t
}

// load makes the rules what they should be, in one transaction that keeps the elements of the sets.
func (d *Driver) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, d.config.Program, "-f", "-")
	cmd.Stdin = strings.NewReader(d.text.text)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("guard: start %s: %w: install nftables", d.config.Program, err)
	}
	d.children[uint32(cmd.Process.Pid)] = true
	if err := cmd.Wait(); err != nil {
		const bound = 500
		said := strings.TrimSpace(stderr.String())
		return fmt.Errorf("guard: load the rules of table bridge weft: %w: %s", err, said[:min(len(said), bound)])
	}
	return nil
}
