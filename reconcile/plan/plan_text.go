package plan

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"weft/hostnet/object"
)

// WriteText prints the plan for people: the stages in order, one line for each step, and its differences indented below it. An
// empty plan is one line.
func (p Plan) WriteText(w io.Writer) error {
	var b strings.Builder
	if p.Empty() {
		b.WriteString("nothing to do\n")
	}
	stage := 0
	for _, s := range p.Steps {
		if s.Stage != stage {
			stage = s.Stage
			fmt.Fprintf(&b, "stage %d\n", stage)
		}
		fmt.Fprintf(&b, "  %-6s %s%s\n", s.Change.Op, s.Change.Key(), owner(s.Change))
		for _, d := range s.Differences {
			fmt.Fprintf(&b, "           %s\n", d)
		}
	}
	if len(p.Blocked) > 0 {
		b.WriteString("blocked\n")
	}
	for _, bl := range p.Blocked {
		fmt.Fprintf(&b, "  %s %s\n", bl.Key, bl.Reason)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// String is what WriteText prints.
func (p Plan) String() string {
	var b strings.Builder
	_ = p.WriteText(&b) // a strings.Builder does not fail
	return b.String()
}

func owner(c object.Change) string {
	o := c.Desired
	if o == nil {
		o = c.Observed
	}
	if o.Owner() == "" {
		return ""
	}
	return "  (for " + o.Owner() + ")"
}

// MarshalJSON writes {steps: [{stage, op, object, owner, differences}], blocked: [{object, owner, on, reason}]}.
func (p Plan) MarshalJSON() ([]byte, error) {
	type step struct {
		Stage       int                 `json:"stage"`
		Op          object.Op           `json:"op"`
		Object      string              `json:"object"`
		Owner       string              `json:"owner,omitempty"`
		Differences []object.Difference `json:"differences,omitempty"`
	}
	type blocked struct {
		Object string   `json:"object"`
		Owner  string   `json:"owner,omitempty"`
		On     []string `json:"on"`
		Reason string   `json:"reason"`
	}
	out := struct {
		Steps   []step    `json:"steps"`
		Blocked []blocked `json:"blocked"`
	}{[]step{}, []blocked{}}
	for _, s := range p.Steps {
		o := s.Change.Desired
		if o == nil {
			o = s.Change.Observed
		}
		out.Steps = append(out.Steps, step{s.Stage, s.Change.Op, s.Change.Key().String(), o.Owner(), s.Differences})
	}
	for _, b := range p.Blocked {
		e := blocked{b.Key.String(), b.Owner, nil, b.Reason}
		for _, k := range b.On {
			e.On = append(e.On, k.String())
		}
		out.Blocked = append(out.Blocked, e)
	}
	return json.Marshal(out)
}
