package model

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// TestEachShapeThatIsNotTheField: text instead of a number, nothing instead of a value, and so on. The error names the field, once.
func TestEachShapeThatIsNotTheField(t *testing.T) {
	t.Parallel()
	n := func(s string) string { return `"type": "vlan", "physicalNetwork": "p", ` + s }
	only(t, KindNetwork, []fault{
		{n(`"mtu": 1500.0`), "spec.mtu", "expected a whole decimal number, found the number 1500.0"},
		{n(`"mtu": 15e2`), "spec.mtu", "found the number 15e2"},
		{n(`"mtu": null`), "spec.mtu", "expected a whole decimal number, found nothing"},
		{n(`"mtu": [1500]`), "spec.mtu", "expected a whole decimal number, found a list"},
		{n(`"mtu": true`), "spec.mtu", "found the truth value true"},
		{n(`"mtu": 9223372036854775808`), "spec.mtu", "9223372036854775808 is out of range"},
		{n(`"mtu": 99999999999999999999`), "spec.mtu", "expected a whole decimal number"},
		{n(`"mtu": -1`), "spec.mtu", "-1 is out of range: use 68 to 65521 bytes"},
		{n(`"segmentationID": 65536`), "spec.segmentationID", "65536 is out of range"},
		{n(`"segmentationID": -1`), "spec.segmentationID", "-1 is out of range"},
		{n(`"segmentationID": 9223372036854775808`), "spec.segmentationID", "is out of range"},
		{`"type": "vlan", "physicalNetwork": null`, "spec.physicalNetwork", "expected text, found nothing"},
		{`"type": "vlan", "physicalNetwork": ["p"]`, "spec.physicalNetwork", "expected text, found a list"},
		{`"type": "vlan", "physicalNetwork": {"name": "p"}`, "spec.physicalNetwork", "expected text, found fields"},
		{n(`"subnets": [{"cidr": null}]`), "spec.subnets[0].cidr", "is empty: give it a value or remove the field"},
		{n(`"subnets": [{"cidr": ""}]`), "spec.subnets[0].cidr", "is empty: give it a value or remove the field"},
		{n(`"subnets": [{"cidr": ["10.0.0.0/24"]}]`), "spec.subnets[0].cidr", "expected a text value, found a list"},
		{n(`"subnets": null`), "", ""},
		{n(`"subnets": []`), "", ""},
		{n(`"dhcp": null`), "", ""},
		{n(`"external": null`), "spec.external", "is empty: write {} for the defaults, or remove the field"},
		{n(`"dhcp": {"dnsServers": [` + strings.Repeat(`"10.0.0.1",`, 1024) + `"10.0.0.1"]}`), "spec.dhcp.dnsServers", "has 1025 items, at most 1024 are read"},
		{n(`"dhcp": {"": 1}`), "spec.dhcp.", "unknown field"},
		{n(`"dhcp": {"-": 1}`), "spec.dhcp.-", "unknown field"},
	})
	only(t, KindProject, []fault{
		{`"a": 1`, "spec.a", "unknown field: correct or remove it; known here: portLimits"},
		{`"portLimits": {"egress": {"unlimited": true}}`, "", ""},
		{`"portLimits": {"egress": {"unlimited": 1}}`, "spec.portLimits.egress.unlimited", "expected true or false, found the number 1"},
		{`"portLimits": {"egress": {"unlimited": "true"}}`, "spec.portLimits.egress.unlimited", "expected true or false, found the text"},
		{`"portLimits": {"egress": {"unlimited": null}}`, "spec.portLimits.egress.unlimited", "expected true or false, found nothing"},
		{`"portLimits": {"egress": {"unlimited": [true]}}`, "spec.portLimits.egress.unlimited", "expected true or false, found a list"},
		{`"portLimits": {"egress": null}`, "spec.portLimits.egress", "is empty"},
	})
}

// TestEmptyIsNothing: an empty list or group is stored as none, so that writing it makes no difference.
func TestEmptyIsNothing(t *testing.T) {
	t.Parallel()
	id := ID{"alpha", KindNetwork, "n"}
	bare, err := DecodeIntent(id, []byte(`{"spec": {"type": "vlan", "physicalNetwork": "p"}}`))
	if err != nil {
		t.Fatal(err)
	}
	empty, err := DecodeIntent(id, []byte(`{"spec": {"type": "vlan", "physicalNetwork": "p", "subnets": [], "dhcp": {"routes": null, "dnsServers": []}}}`))
	if err != nil || !reflect.DeepEqual(bare, empty) {
		t.Errorf("%+v and %+v, %v", bare.Spec, empty.Spec, err)
	}
}

// TestWhereDocumentsEnd: "---" alone on its line or before a space separates; three dashes in a text do not.
func TestWhereDocumentsEnd(t *testing.T) {
	t.Parallel()
	const a, b = "{apiVersion: weft/v1, kind: Project, metadata: {name: a}}", "{apiVersion: weft/v1, kind: Project, metadata: {name: b}}"
	for _, c := range []struct {
		text, want string // names with their lines, or the error
	}{
		{a, "a:1"},
		{"---\n" + a, "a:2"},
		{"--- " + a + "\n--- " + b, "a:1 b:2"},
		{a + "\n---\n\n" + b + "\n---", "a:1 b:4"},
		{a + "\r\n---\r\n" + b + "\r\n", "a:1 b:3"},
		{"---\n---\n---\n" + a, "a:4"},
		{"# nothing\n---\nnull\n---\n~\n---\n" + b, "b:7"},
		{"[" + a + ",\n" + b + "]", "a:1 b:2"},
		{`{"apiVersion":"weft/v1","kind":"Project","metadata":{"name":"a"}}` + "\n\n" + `{"apiVersion":"weft/v1","kind":"Project","metadata":{"name":"b"}}`, "a:1 b:3"},
		{"apiVersion: weft/v1\nkind: Project\nmetadata:\n  name: a\n  displayName: >-\n    x\n    ---y\n    z", "a:1"},
		{"[[" + a + "]]", "f:1: expected fields (name: value), found a list"},
		{a + "\n---x\n" + b, "f:1: not JSON"},
		{"{\"kind\": \"Project\"\n\n\n\"a\": 1}", "f:4: not JSON: invalid character '\"' after object key:value pair"},
		{"[{\"kind\": ", "f:1: not JSON: unexpected EOF"},
		{strings.Repeat("[", 24) + strings.Repeat("]", 24), "f:1: expected fields (name: value), found a list"},
		{strings.Repeat("[", 25) + strings.Repeat("]", 25), "f:1: expected fields (name: value), found a list"},
		{"kind: &x Project\n---\nkind: *x", "f:2: not YAML: unknown anchor 'x' referenced"},
		{"'kind': Project\n? [a]\n: b", "f:2: Project: a field's name must be a plain word, found a list"},
		{"&k kind: Project", "f:1: a field's name must be a plain word, found the text \"kind\""},
		{"kind: Project\nkind: Host\nkind: Port", "f:3: Project: kind: is given twice, first in line 1: keep one"},
		{"&all {kind: Project}", "f:1: carries an anchor (&all): remove it"},
		{"!!map {kind: Project}", "f:1: carries a tag (!!map): remove it"},
		{"kind: '" + strings.Repeat("x", 200), "f:1: not YAML: found unexpected end of stream"},
		{"kind: Project\nmetadata: {name: a}\nspec:", "f:1: Project a: apiVersion: is missing: write weft/v1"},
		{"apiVersion: weft/v1\nkind: Project\nmetadata: {name: a, project: _}", "a:1"},
		{"apiVersion: weft/v1\nkind: Project\nmetadata: {name: a, project: b}", "f:3: Project a: metadata.project: a Project belongs to no project: remove the field"},
	} {
		objs, err := DecodeManifest("f", []byte(c.text))
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			for _, l := range objs {
				got += " " + l.Object.Metadata.Name + ":" + string(rune('0'+l.Line))
			}
			got = strings.TrimSpace(got)
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s\nis %s\nexpected %s", c.text, got, c.want)
		}
	}
}

// TestStoredObjectsAreReadTolerantly: unknown fields of a newer version are ignored. A value that is no object is refused.
func TestStoredObjectsAreReadTolerantly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"apiVersion": "weft/v1", "kind": "Port", "metadata": {"project": "a", "name": "b", "labels": {}}, "spec": {"network": "n", "colour": 7}, "more": 1}`: "",
		`{"apiVersion": "weft/v1", "kind": "Port", "metadata": {"project": "a", "name": "b"}}`:                                                                 "",
		`{"apiVersion": "weft/v1", "kind": "Volume", "metadata": {"name": "b"}, "spec": {}}`:                                                                   `unknown kind "Volume"`,
		`{"kind": "Port", "spec": {"network": 7}}`:                                                                                                             "spec: json: cannot unmarshal number",
		`{"kind": "Port", "spec": {"mac": "ff:ff:ff:ff:ff:ff"}}`:                                                                                               "spec: ",
		`{"kind": 7}`: "cannot unmarshal number",
		`[]`:          "cannot unmarshal array",
	} {
		kept := Object{APIVersion: "before"}
		o := kept
		err := json.Unmarshal([]byte(text), &o)
		switch {
		case want == "" && (err != nil || o.Spec == nil || o.Spec.Kind() != KindPort || o.Metadata.Name != "b"):
			t.Errorf("%s is %+v, %v", text, o, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !reflect.DeepEqual(o, kept)):
			t.Errorf("%s is %+v, %v; expected %s", text, o, err, want)
		}
	}
}

// TestTheLargestValue: a value of the largest size is read. One more byte is refused.
func TestTheLargestValue(t *testing.T) {
	t.Parallel()
	id, value := ID{ClusterProject, KindProject, "a"}, `{"spec": {}}`
	pad := func(n int) []byte { return []byte(value + strings.Repeat(" ", n-len(value))) }
	if _, err := DecodeIntent(id, pad(256<<10)); err != nil {
		t.Errorf("256 KiB: %v", err)
	}
	if _, err := DecodeIntent(id, pad(256<<10+1)); err == nil || !strings.Contains(err.Error(), "at most 262144 are read") {
		t.Errorf("256 KiB and one: %v", err)
	}
}

// TestObjectsOfAFileThatIsWrong: objects with a name are returned, for checks across objects. Others are not. The spec of an
// unknown kind is not read.
func TestObjectsOfAFileThatIsWrong(t *testing.T) {
	t.Parallel()
	objs, err := DecodeManifest("f", []byte("apiVersion: weft/v1\nkind: Volume\nmetadata: {name: a}\nspec: {size: 7, network: n}\n"+
		"---\napiVersion: weft/v1\nkind: Host\nmetadata: {}\nspec: {driver: ovs}\n"+
		"---\napiVersion: weft/v1\nkind: Host\nmetadata: {name: h1}\nspec: {driver: x}\n"+
		"---\n[]\n---\n- 7\n"))
	if len(objs) != 1 || objs[0].Object.ID() != (ID{ClusterProject, KindHost, "h1"}) || objs[0].Line != 11 {
		t.Errorf("named are %+v", objs)
	}
	const want = "f:2: Volume a: kind: \"Volume\" is not known: write one of Project, SecurityGroup, PhysicalNetwork, Host, Network, AddressPool, Router, Port, FloatingIP\n" +
		"f:8: Host: metadata.name: is missing: give it a name\n" +
		"f:14: Host h1: spec.driver: \"x\" is not known: write ovs or bridge, or leave it out\n" +
		"f:18: expected fields (name: value), found the number 7"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nexpected\n%s", err, want)
	}
}
