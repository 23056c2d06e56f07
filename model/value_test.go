package model

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestParse: what is canonical, and what is refused with which message.
func TestParse(t *testing.T) {
	t.Parallel()
	parsers := map[string]func(string) (string, error){
		"address": func(s string) (string, error) { v, err := ParseAddress(s); return v.String(), err },
		"prefix":  func(s string) (string, error) { v, err := ParsePrefix(s); return v.String(), err },
		"mac":     func(s string) (string, error) { v, err := ParseMAC(s); return v.String(), err },
		"duration": func(s string) (string, error) {
			var d Duration
			err := d.UnmarshalText([]byte(s))
			return d.String(), err
		},
	}
	for _, tc := range []struct{ kind, text, want, wrong string }{
		{"address", "10.0.0.1", "10.0.0.1", ""},
		{"address", "::ffff:10.0.0.1", "10.0.0.1", ""},
		{"address", "2001:DB8:0:0::1", "2001:db8::1", ""},
		{"address", "10.0.0.01", "", "is not an IPv4 or IPv6 address"},
		{"address", "10.0.0.1/24", "", "is not an IPv4 or IPv6 address"},
		{"address", "fe80::1%eth0", "", "carries a zone: write fe80::1"},
		{"address", strings.Repeat("1", 5000), "", `1"… is not an`},
		{"prefix", "10.0.0.0/8", "10.0.0.0/8", ""},
		{"prefix", "2001:DB8::/32", "2001:db8::/32", ""},
		{"prefix", "10.0.0.1/8", "", "has host bits set: write 10.0.0.0/8"},
		{"prefix", "::ffff:10.0.0.0/104", "", "IPv4-mapped network: write the IPv4 network"},
		{"prefix", "10.0.0.0", "", "is not a network in CIDR notation"},
		{"prefix", "10.0.0.0/33", "", "is not a network in CIDR notation"},
		{"mac", "FA-16-3E-00-00-0A", "fa:16:3e:00:00:0a", ""},
		{"mac", "fa163e.00000a", "", "is not a MAC address of six bytes"},
		{"mac", "01:00:5e:00:00:01", "", "multicast address"},
		{"mac", "00:00:00:00:00:00", "", "all-zero"},
		{"mac", "02:00:5e:10:00:00:00:01", "", "six bytes"},
		{"duration", "90s", "1m30s", ""},
		{"duration", "-1s", "", `is not a duration such as "1h"`},
		{"duration", "1d", "", `is not a duration such as "1h"`},
	} {
		got, err := parsers[tc.kind](tc.text)
		switch {
		case tc.wrong == "" && (err != nil || got != tc.want):
			t.Errorf("%s %q: %q, %v; expected %q", tc.kind, tc.text, got, err, tc.want)
		case tc.wrong != "" && (err == nil || !strings.Contains(err.Error(), tc.wrong) || len(err.Error()) > 200):
			t.Errorf("%s %q: error %v, expected %q", tc.kind, tc.text, err, tc.wrong)
		}
	}
}

func TestZeroValues(t *testing.T) {
	t.Parallel()
	type values struct {
		Address  Address  `json:"address"`
		Prefix   Prefix   `json:"prefix"`
		MAC      MAC      `json:"mac"`
		Duration Duration `json:"duration,omitzero"`
	}
	text, err := json.Marshal(values{})
	if err != nil || string(text) != `{"address":"","prefix":"","mac":""}` {
		t.Fatalf("%s, %v", text, err)
	}
	got := values{Address: address("10.0.0.1"), Prefix: prefix("10.0.0.0/8"), MAC: serverMAC}
	if err := json.Unmarshal(text, &got); err != nil || got != (values{}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseKind(t *testing.T) {
	t.Parallel()
	for _, k := range AllKinds().Names() {
		for _, s := range []string{string(k), k.Segment(), k.Segment() + "s", strings.ToUpper(string(k))} {
			if got, ok := AllKinds().Parse(s); !ok || got != k {
				t.Errorf("%q is %q, %v", s, got, ok)
			}
		}
		if spec := AllKinds().New(k); spec == nil || spec.Kind() != k {
			t.Errorf("%s has the spec %T", k, spec)
		}
		for _, r := range AllKinds().New(k).References("alpha") {
			if index(r.To.Kind) >= index(k) {
				t.Errorf("%s refers to %s, which does not come before it", k, r.To.Kind)
			}
		}
	}
	if k, ok := AllKinds().Parse("volume"); ok {
		t.Errorf("volume is %s", k)
	}
}

func index(k Kind) int {
	for i, have := range AllKinds().Names() {
		if have == k {
			return i
		}
	}
	return -1
}

// TestLabelsAreThoseOfTheRule compares with the rule as a regular expression.
func TestLabelsAreThoseOfTheRule(t *testing.T) {
	t.Parallel()
	rule := regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	texts := rapid.OneOf(rapid.StringMatching(`[-a-z0-9]{0,66}`), rapid.StringMatching(`[-a-z0-9A-Z._/é\n]{0,4}`), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		if s := texts.Draw(t, "text"); isLabel(s) != rule.MatchString(s) {
			t.Fatalf("%q: %v", s, isLabel(s))
		}
	})
}
