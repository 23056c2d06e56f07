package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"weft/cmd/weft/internal/terminal"
	"weft/cmd/weft/view"
	"weft/etcdschema"
	"weft/model"
)

// describeOne shows everything about one object.
func describeOne(out io.Writer, kind view.Kind, e view.Entry, r view.Records, claims []claimRecord, now time.Time) error {
	fmt.Fprintf(out, "%s\n", e.ID)
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "  %-14s %s\n", terminal.Printable(name)+":", terminal.Printable(value))
		}
	}
	show := func(facts []view.Fact) {
		for _, f := range facts {
			field(f.Name, f.Text)
		}
	}
	field("display name", e.Object.Metadata.DisplayName)
	field("uid", e.Status.UID)
	field("status", e.Phase())
	field("intent", fmt.Sprintf("revision %d, controllers saw %d", e.Revision, e.Status.IntentRevision))
	for _, r := range e.Status.Reasons {
		field("reason", view.ReasonText(r))
	}
	if e.Raw != nil && e.Status.IntentRevision < e.Revision {
		field("waits for", "a controller to look at its newest intent: is weft-controller running?")
	}
	if e.Status.Phase == etcdschema.PhaseInvalid && e.Status.UID != "" {
		field("in force", "its last valid intent, until this one is corrected")
	}
	if kind.Facts != nil {
		show(kind.Facts(e, r, now))
	}
	for _, c := range claims {
		field("claim", claimText(c, e.Status.UID, now))
	}
	for _, node := range e.Nodes() {
		for _, line := range hostText(kind, e.Status.Nodes[node], r.Hosts[node], now) {
			field("host "+node, line)
		}
	}
	if kind.Hints != nil {
		show(kind.Hints(e))
	}
	return describeSpec(out, kind.Secrets, e)
}

// describeSpec shows what was declared, as YAML. An invalid intent is shown as it is in etcd, with the errors. Secrets are not shown.
func describeSpec(out io.Writer, secrets []string, e view.Entry) error {
	if e.Raw == nil {
		_, err := fmt.Fprintln(out, "  deleted; the controllers have not finished with it")
		return err
	}
	text := string(e.Raw)
	if e.Invalid != nil {
		fmt.Fprintf(out, "  the intent is not valid:\n%s", terminal.Indent(e.Invalid.Error()))
		if name := mentioned(text, secrets); name != "" {
			text = fmt.Sprintf("(%d bytes, not shown because %s is in it: etcdctl shows them)", len(text), name)
		}
	} else {
		data, err := specYAML(e.Object.Spec, secrets)
		if err != nil {
			return err
		}
		text = string(data)
	}
	_, err := fmt.Fprintf(out, "  declared:\n%s", terminal.Indent(text))
	return err
}

// mentioned is the first of the names that the text contains; empty if it contains none. The names are read without regard to case, and
// a text with an escape may contain every name.
func mentioned(text string, names []string) string {
	for _, name := range names {
		if strings.Contains(text, `\`) || strings.Contains(strings.ToLower(text), strings.ToLower(name)) {
			return name
		}
	}
	return ""
}

// specYAML is a spec as YAML. Of a secret it has only the size.
func specYAML(spec model.Spec, secrets []string) ([]byte, error) {
	if len(secrets) == 0 {
		return terminal.YAML(spec)
	}
	data, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	for _, name := range secrets {
		var text string
		if value, ok := fields[name]; ok && json.Unmarshal(value, &text) == nil {
			fields[name] = json.RawMessage(fmt.Sprintf(`"(%d bytes, not shown)"`, len(text)))
		}
	}
	return terminal.YAML(fields)
}
