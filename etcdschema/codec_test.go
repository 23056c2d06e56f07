package etcdschema

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weft/model"
)

func TestRewriteCarriesUnknownFields(t *testing.T) {
	t.Parallel()
	port := Accepted{UID: "u1", Object: model.Object{APIVersion: model.APIVersion, Kind: model.KindPort,
		Metadata: model.Metadata{Project: "alpha", Name: "web-1"}, Spec: &model.PortSpec{Network: "blue"}}}
	addressed := port
	addressed.Allocated.Addresses = []model.Address{{Addr: netip.MustParseAddr("192.0.2.1")}}
	network := port
	network.Object.Spec = &model.NetworkSpec{Type: "vlan", Subnets: []model.Subnet{{CIDR: model.Prefix{Prefix: netip.MustParsePrefix("192.0.2.0/24")}}}}
	for _, tc := range []struct {
		name string
		old  string
		v    any
		want []string // each a path of object members and the raw value there
		gone []string
	}{
		{"top", `{"uid":"u0","future":{"a":[1]}}`, port, []string{`future={"a":[1]}`, `uid="u1"`}, nil},
		{"known and empty now", `{"owner":"x","state":"bound","Owner":"y"}`, Claim{}, []string{`owner=""`}, []string{"Owner"}},
		{"spec behind an interface", `{"object":{"spec":{"qos":{"rate":1}}}}`, port, []string{`object.spec.qos={"rate":1}`, `object.spec.network="blue"`}, nil},
		{"left out struct", `{"allocated":{"mac":"02:00:00:00:00:01","vni":12345678901234567890}}`, port,
			[]string{`allocated.vni=12345678901234567890`}, []string{"allocated.mac"}},
		{"map", `{"nodes":{"h1":{"programmed":true,"x":1},"h2":{"x":2}}}`, Status{Nodes: map[string]NodeStatus{"h1": {}}},
			[]string{`nodes.h1.x=1`, `nodes.h1.programmed=false`}, []string{"nodes.h2"}},
		{"unchanged element", `{"object":{"spec":{"subnets":[{"cidr":"198.51.100.0/24","x":1},{"cidr":"192.0.2.0/24","x":2}]}}}`, network,
			[]string{`object.spec.subnets=[{"cidr":"192.0.2.0/24","x":2}]`}, nil},
		{"list of values", `{"allocated":{"addresses":["192.0.2.9"]}}`, addressed, []string{`allocated.addresses=["192.0.2.1"]`}, nil},
		{"opaque", `{"since":{"x":1},"owner":["y"]}`, Claim{Owner: "u1"}, []string{`owner="u1"`, `since="0001-01-01T00:00:00Z"`}, nil},
		{"no JSON", "\x00garbage", Claim{Owner: "u1"}, []string{`owner="u1"`}, nil},
		{"no object", `[1]`, Claim{Owner: "u1"}, []string{`owner="u1"`}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			out, err := Rewrite([]byte(tc.old), tc.v)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range tc.want {
				path, want, _ := strings.Cut(w, "=")
				if got := string(at(t, out, path)); got != want {
					t.Errorf("%s is %s, want %s in %s", path, got, want, out)
				}
			}
			for _, path := range tc.gone {
				if got := at(t, out, path); got != nil {
					t.Errorf("%s is still there: %s", path, got)
				}
			}
		})
	}
}

// at returns the raw JSON at a path of member names, nil when there is none.
func at(t *testing.T, data json.RawMessage, path string) json.RawMessage {
	t.Helper()
	for name := range strings.SplitSeq(path, ".") {
		o, ok := parseObject(data)
		if !ok {
			t.Fatalf("no object at %s: %s", path, data)
		}
		if data, ok = o.get(name); !ok {
			return nil
		}
	}
	return data
}

// The same record as a newer version writes it, and as this version knows it.
type (
	newInner struct {
		A int               `json:"a,omitempty"`
		B string            `json:"b,omitempty"`
		X string            `json:"x,omitempty"`
		Y map[string]string `json:"y,omitempty"`
	}
	newRecord struct {
		Name  string              `json:"name"`
		Inner newInner            `json:"inner,omitzero"`
		Map   map[string]newInner `json:"map,omitempty"`
		Extra []int               `json:"extra,omitempty"`
	}
	oldInner struct {
		A int    `json:"a,omitempty"`
		B string `json:"b,omitempty"`
	}
	oldRecord struct {
		Name  string              `json:"name"`
		Inner oldInner            `json:"inner,omitzero"`
		Map   map[string]oldInner `json:"map,omitempty"`
	}
)

func TestRewriteIsWhatTheNewerVersionWouldHaveWritten(t *testing.T) {
	t.Parallel()
	inner := rapid.Custom(func(t *rapid.T) newInner {
		n := newInner{rapid.Int().Draw(t, "a"), rapid.String().Draw(t, "b"), rapid.String().Draw(t, "x"),
			rapid.MapOfN(rapid.String(), rapid.String(), 0, 3).Draw(t, "y")}
		if len(n.Y) == 0 { // omitzero keeps a struct with an empty map, although it has no content
			n.Y = nil
		}
		return n
	})
	rapid.Check(t, func(t *rapid.T) {
		before := newRecord{
			Name:  rapid.String().Draw(t, "name"),
			Inner: inner.Draw(t, "inner"),
			Map:   rapid.MapOfN(rapid.StringMatching("[a-c]"), inner, 0, 3).Draw(t, "map"),
			Extra: rapid.SliceOfN(rapid.Int(), 0, 3).Draw(t, "extra"),
		}
		change := oldRecord{
			Name:  rapid.String().Draw(t, "new name"),
			Inner: oldInner{rapid.Int().Draw(t, "new a"), rapid.String().Draw(t, "new b")},
			Map: rapid.MapOfN(rapid.StringMatching("[a-c]"), rapid.Custom(func(t *rapid.T) oldInner {
				return oldInner{A: rapid.Int().Draw(t, "a")}
			}), 0, 3).Draw(t, "new map"),
		}
		want := before
		want.Name, want.Inner.A, want.Inner.B = change.Name, change.Inner.A, change.Inner.B
		want.Map = map[string]newInner{}
		for k, v := range change.Map {
			w := before.Map[k]
			w.A, w.B = v.A, v.B
			want.Map[k] = w
		}
		old, err := Encode(before)
		if err != nil {
			t.Fatal(err)
		}
		out, err := Rewrite(old, change)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode[newRecord](out)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := mustEncode(t, want), mustEncode(t, got); a != b {
			t.Fatalf("got  %s\nwant %s", b, a)
		}
		again, err := Rewrite(out, change)
		if err != nil || string(again) != string(out) {
			t.Fatalf("a second rewrite changes\n%s to\n%s (%v)", out, again, err)
		}
	})
}

// A value without unknown fields can be encoded anew without comparing it. Any other value is recognized.
func TestRewritingWhatIsPlainIsEncoding(t *testing.T) {
	t.Parallel()
	node := rapid.Custom(func(t *rapid.T) NodeStatus {
		return NodeStatus{DesiredRevision: rapid.Int64().Draw(t, "revision"), Programmed: rapid.Bool().Draw(t, "programmed"),
			Reason: rapid.String().Draw(t, "reason")}
	})
	reason := rapid.Custom(func(t *rapid.T) Reason {
		return Reason{Field: rapid.StringMatching("[a-c]?").Draw(t, "field"), Message: rapid.String().Draw(t, "message")}
	})
	status := rapid.Custom(func(t *rapid.T) Status {
		return Status{Phase: PhaseAccepted, UID: rapid.StringMatching("[ab]?").Draw(t, "uid"),
			Reasons: rapid.SliceOfN(reason, 0, 3).Draw(t, "reasons"),
			Nodes:   rapid.MapOfN(rapid.StringMatching("[a-c]"), node, 0, 3).Draw(t, "nodes")}
	})
	rapid.Check(t, func(t *rapid.T) {
		before, after := status.Draw(t, "before"), status.Draw(t, "after")
		old := mustEncode(t, before)
		if !Plain([]byte(old), before) {
			t.Fatalf("%s is not plain", old)
		}
		out, err := Rewrite([]byte(old), after)
		if want := mustEncode(t, after); err != nil || string(out) != want {
			t.Fatalf("%s rewritten is %s (%v), want %s", old, out, err, want)
		}
		for _, more := range []string{
			strings.TrimSuffix(old, "}") + `,"unknown":1}`, strings.Replace(old, `"desiredRevision"`, `"unknown":1,"desiredRevision"`, 1),
		} {
			if d, err := Decode[Status]([]byte(more)); err != nil || more != old && Plain([]byte(more), d) {
				t.Fatalf("%s is taken for plain (%v)", more, err)
			}
		}
	})
}

func mustEncode(t interface{ Fatal(...any) }, v any) string {
	data, err := Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDecodeIntentTakesTheKeysWord(t *testing.T) {
	t.Parallel()
	o, err := DecodeIntent(ParseKey("intent/_/project/alpha"), []byte(`{"spec":{}}`))
	if err != nil || o.ID() != (model.ID{Project: "_", Kind: model.KindProject, Name: "alpha"}) {
		t.Errorf("%v %v", o, err)
	}
	if _, err := DecodeIntent(ParseKey("intent/alpha/router/r1"), []byte(`{}`)); err == nil {
		t.Error("an unknown kind was taken")
	}
}

func TestDecodeBoundsTheValue(t *testing.T) {
	t.Parallel()
	if _, err := Decode[Claim]([]byte(`{"owner":"` + strings.Repeat("x", MaxValueBytes) + `"}`)); err == nil {
		t.Error("an oversized value was decoded")
	}
	c, err := Decode[Claim]([]byte(`{"owner":"u1","future":true,"since":"2026-01-02T03:04:05Z"}`))
	want := Claim{Owner: "u1", Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if diff := cmp.Diff(want, c); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func FuzzDecodeIntent(f *testing.F) {
	for _, v := range []string{
		`{"spec":{"network":"blue"}}`, "spec:\n  network: blue\n", "\x00", "\xff\xfe{", "{}{}", "---\n---\n", "null", "[]", `"x"`, "1e999",
		"a: &a [x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nspec: *c\n", `{"spec":{"addresses":["::ffff:192.0.2.1","fe80::1%eth0"]}}`,
		strings.Repeat("[", 5000), "<<: {a: b}", "!!binary x", "? [a]: b", "spec: {mac: 02-00-00-00-00-01}",
	} {
		f.Add("intent/alpha/port/web-1", []byte(v))
		f.Add("intent/_/host/h1", []byte(v))
	}
	f.Add("intent/_/port/x", []byte("{}"))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		o, err := DecodeIntent(ParseKey(key), value)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		if Intent(o.ID()).path != key && AcceptedKey(o.ID()).path != key && StatusKey(o.ID()).path != key {
			t.Errorf("%q was decoded as %s", key, o.ID())
		}
		data, err := Encode(Accepted{UID: "u1", Object: o})
		if err != nil {
			t.Fatalf("what was decoded cannot be stored: %v", err)
		}
		a, err := Decode[Accepted](data)
		if err != nil {
			t.Fatalf("what was stored cannot be read: %v\n%s", err, data)
		}
		if again := mustEncode(t, a); again != string(data) {
			t.Errorf("stored as\n%s, read and stored again as\n%s", data, again)
		}
	})
}

func FuzzRewrite(f *testing.F) {
	f.Add([]byte(`{"uid":"u0","object":{"kind":"Port","spec":{"x":[{}]}},"allocated":{"y":{}}}`))
	f.Add([]byte(`{"nodes":{"h1":{"x":1}},"nodes":{"h1":null}}`))
	f.Add([]byte("{\"\xff\":1,\"\\ud800\":2}"))
	f.Fuzz(func(t *testing.T, old []byte) {
		for _, v := range []any{
			Accepted{UID: "u1", Object: model.Object{Kind: model.KindPort, Spec: &model.PortSpec{Network: "blue"}}},
			Status{Phase: PhaseAccepted, Nodes: map[string]NodeStatus{"h1": {DesiredRevision: 3}}},
		} {
			out, err := Rewrite(old, v)
			if err != nil {
				continue
			}
			switch v := v.(type) {
			case Accepted:
				got, err := Decode[Accepted](out)
				if diff := cmp.Diff(v, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); err != nil || diff != "" {
					t.Errorf("%q became %s: %v %s", old, out, err, diff)
				}
			case Status:
				got, err := Decode[Status](out)
				if diff := cmp.Diff(v, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); err != nil || diff != "" {
					t.Errorf("%q became %s: %v %s", old, out, err, diff)
				}
			}
		}
	})
}
