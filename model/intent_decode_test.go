package model

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeIntent(t *testing.T) {
	t.Parallel()
	port := ID{"alpha", KindPort, "web-1"}
	host := ID{ClusterProject, KindHost, "h1"}
	long := strings.Repeat("x", MaxIntentBytes+1)
	for _, tc := range []struct {
		name, value string
		id          ID
		want        string // the error; empty for none
	}{
		{"all left out", `{"spec": {"network": "blue"}}`, port, ""},
		{"yaml", "spec:\n  network: blue\n", port, ""},
		{"repeated", `{"apiVersion": "weft/v1", "kind": "Port", "metadata": {"project": "alpha", "name": "web-1"}, "spec": {"network": "blue"}}`, port, ""},
		{"cluster project", `{"metadata": {"project": "_"}}`, host, ""},
		{"no spec", `{}`, host, ""},
		{"contradicts", `{"apiVersion": "v1", "kind": "Host", "metadata": {"project": "beta", "name": "web-2"}, "spec": {"network": "blue"}}`, port,
			"line 1: Port alpha/web-1: apiVersion: \"v1\" is not known: write weft/v1\n" +
				"line 1: Port alpha/web-1: kind: is \"Host\", but the key says \"Port\": make them agree or remove the field\n" +
				"line 1: Port alpha/web-1: metadata.name: is \"web-2\", but the key says \"web-1\": make them agree or remove the field\n" +
				"line 1: Port alpha/web-1: metadata.project: is \"beta\", but the key says \"alpha\": make them agree or remove the field"},
		{"empty", " \n", port, "Port alpha/web-1: the value is empty: write an object such as {\"spec\": {}}, or delete the key"},
		{"two", "{}\n---\n{}", port, "Port alpha/web-1: the value holds 2 documents: one key holds one object"},
		{"too long", long, port, "Port alpha/web-1: the value holds 262145 bytes, at most 262144 are read: shorten the object's lists, or write userData as userDataBase64"},
		{"not UTF-8", "{\"spec\": \"\xff\"}", port, "Port alpha/web-1: the text is not UTF-8: save it as UTF-8"},
		{"list", "[]", port, "line 1: Port alpha/web-1: expected fields (name: value), found a list"},
		{"deep", strings.Repeat("[", 100000), port, "line 1: Port alpha/web-1: not JSON: nested deeper than 24 levels: no manifest is"},
		{"bad key name", `{"spec": {"network": "blue"}}`, ID{"alpha", KindPort, "Web_1"},
			"line 1: Port alpha/Web_1: metadata.name: \"Web_1\" is no name: " + labelRule},
		{"cut off", `{"spec": {`, port, "line 1: Port alpha/web-1: not JSON: unexpected EOF"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o, err := DecodeIntent(tc.id, []byte(tc.value))
			got := ""
			if err != nil {
				got = err.Error()
			} else if o.ID() != tc.id || o.APIVersion != APIVersion {
				t.Errorf("decoded as %v", o)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
