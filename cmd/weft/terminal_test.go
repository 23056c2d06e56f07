package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"weft/cmd/weft/internal/terminal"
	"weft/etcdschema"
	"weft/etcdschema/etcdserver"
	"weft/model"
)

// foulText holds a character of each class that controls a terminal, or that reverses or hides text beside it: C0 with ESC, DEL, C1,
// direction marks, line and paragraph separators, characters without width, and a byte that is not UTF-8.
const foulText = "x\x1b]0;\x07\b\r\t\x7f\u009b\u0085\u202e\u2066\u200f\u2028\u2029\u200b\ufeff\U000e0041\xff"

// foul sets every text of a value, at any depth, that is not set already. Maps get an entry for the key, and one for a fouled key.
func foul(v reflect.Value, key string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		foul(v.Elem(), key)
	case reflect.String:
		if v.CanSet() && v.Len() == 0 {
			v.SetString(foulText)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				foul(f, key)
			}
		}
	case reflect.Slice:
		if v.CanSet() && v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			foul(v.Index(0), key)
		}
	case reflect.Map:
		m := reflect.MakeMap(v.Type())
		for _, k := range []string{key, foulText} {
			one := reflect.New(v.Type().Elem()).Elem()
			foul(one, key)
			m.SetMapIndex(reflect.ValueOf(k).Convert(v.Type().Key()), one)
		}
		v.Set(m)
	}
}

// fouled is a value whose texts are all foul, except those that set gave.
func fouled[T any](key string, set func(*T)) T {
	var v T
	if set != nil {
		set(&v)
	}
	foul(reflect.ValueOf(&v).Elem(), key)
	return v
}

// regionOfKinds is one valid object of each kind, by name.
var regionOfKinds = map[model.Kind]string{
	model.KindProject:         `{}`,
	model.KindPhysicalNetwork: `{"vlanRanges": [{"minimum": 1, "maximum": 9}]}`,
	model.KindHost:            `{"physicalNetworks": [{"name": "x", "interface": "eth1"}]}`,
	model.KindNetwork:         `{"type": "vlan", "physicalNetwork": "x", "external": {}, "subnets": [{"cidr": "192.0.2.0/24", "gateway": "192.0.2.1"}]}`,
	model.KindAddressPool:     `{"network": "x/x", "ranges": [{"start": "192.0.2.5", "end": "192.0.2.9"}]}`,
	model.KindSecurityGroup:   `{"description": "x", "rules": [{"direction": "ingress", "remoteGroup": "x", "description": "x"}]}`,
	model.KindRouter:          `{"networks": ["x"], "externalNetwork": "x"}`,
	model.KindPort:            `{"network": "x", "host": "x"}`,
	model.KindFloatingIP:      `{"network": "x", "port": "x"}`,
}

// TestNothingForTheTerminal: for any text in etcd or in a manifest, only plain text reaches the terminal.
func TestNothingForTheTerminal(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server, err := etcdserver.Start(ctx, etcdserver.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	client, err := etcdschema.Open(ctx, etcdschema.Config{Endpoints: server.Endpoints()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	fillFoul(ctx, t, client)
	weft := func(args ...string) {
		t.Helper()
		var out, wrong bytes.Buffer
		line := append([]string{"weft", args[0]}, args[1:]...)
		execute(ctx, streams{strings.NewReader("no\n"), &out, &wrong}, append(line, "--endpoints", strings.Join(server.Endpoints(), ",")))
		for name, text := range map[string]string{"out": out.String(), "err": wrong.String()} {
			clean(t, fmt.Sprintf("weft %q, %s", args, name), text)
		}
		if out.Len()+wrong.Len() == 0 {
			t.Errorf("weft %q says nothing", args)
		}
	}
	for _, kind := range model.AllKinds().Names() {
		project := []string{"-p", "x"}
		if kind.ClusterScoped() {
			project = nil
		}
		for _, name := range []string{"x", "odd"} {
			weft(append([]string{"describe", string(kind), name}, project...)...)
			weft(append([]string{"wait", string(kind), name, "--for=programmed", "--timeout=10ms"}, project...)...)
		}
		weft(append([]string{"get", string(kind), "-o", "wide"}, project...)...)
		for _, format := range []string{"yaml", "json", "name"} {
			weft(append([]string{"get", string(kind), "-o", format}, project...)...)
		}
	}
	weft("status")
	weft("status", "--all")
	weft("status", "-o", "json")
	file := filepath.Join(t.TempDir(), "foul.yaml")
	for _, text := range foulManifests() {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, verb := range []string{"validate", "diff", "apply", "delete"} {
			weft(verb, "-f", file)
		}
		weft("diff", "-f", file, "-o", "json")
	}
	weft("get", foulText)
	weft("describe", "port", foulText, "-p", foulText)
	weft("delete", "port", foulText, "-p", "x")
	weft(foulText)
	weft("get", "port", "--"+foulText)
}

// TestEscapedTextIsTheSame: a text that was escaped for the terminal reads back unchanged.
func TestEscapedTextIsTheSame(t *testing.T) {
	t.Parallel()
	const odd = "\u202eab\u2066: \u200d'\"\\ c\U000e0041 d\u00fc"
	want := model.Object{APIVersion: model.APIVersion, Kind: model.KindProject, Metadata: model.Metadata{Name: "x", DisplayName: odd}, Spec: &model.ProjectSpec{}}
	text, err := terminal.YAML(want)
	if err != nil {
		t.Fatal(err)
	}
	var list bytes.Buffer
	if err := terminal.WriteJSON(&list, want); err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"YAML": string(text), "JSON": list.String()} {
		clean(t, what, text)
		got, err := model.DecodeManifest("x.yaml", []byte(text))
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0].Object, want) {
			t.Errorf("%s is read as %+v, %v:\n%s", what, got, err, text)
		}
	}
}

// clean reports the characters of a text that are not plain text.
func clean(t *testing.T, what, text string) {
	t.Helper()
	for _, line := range strings.Split(text, "\n") {
		for _, r := range line {
			if !unicode.IsGraphic(r) {
				t.Errorf("%s: %U reaches the terminal in %q", what, r, line)
				break
			}
		}
	}
}

// fillFoul writes an object of each kind, one valid and one invalid, and everything that controllers and nodes write, fouled.
func fillFoul(ctx context.Context, t *testing.T, client *etcdschema.Client) {
	t.Helper()
	put := func(k etcdschema.Key, v any) {
		t.Helper()
		txn := etcdschema.NewTxn()
		txn.Put(k, v)
		if _, ok, err := client.Commit(ctx, txn); err != nil || !ok {
			t.Fatalf("%s: %v, %v", k, ok, err)
		}
	}
	for kind, spec := range regionOfKinds {
		id := model.ID{Project: "x", Kind: kind, Name: "x"}
		if kind.ClusterScoped() {
			id.Project = model.ClusterProject
		}
		odd := model.ID{Project: id.Project, Kind: kind, Name: "odd"}
		put(etcdschema.Intent(id), []byte(fmt.Sprintf(`{"metadata": {"displayName": "\u202e\u2066\u200b"}, "spec": %s}`, spec)))
		data, err := json.Marshal(foulText)
		if err != nil {
			t.Fatal(err)
		}
		put(etcdschema.Intent(odd), []byte(fmt.Sprintf(`{"spec": {"network": %s, "type": %s, %s: 1}}`, data, data, data)))
		for _, one := range []model.ID{id, odd} {
			s := fouled("x", func(s *etcdschema.Status) { s.UID = "u1"; s.Phase = etcdschema.PhasePending })
			if one == odd {
				s.Phase, s.Host = foulText, "x"
			}
			put(etcdschema.StatusKey(one), s)
		}
	}
	put(etcdschema.ControlStatusKey(), fouled[etcdschema.ControlStatus]("x", nil))
	for _, node := range []string{"x", "y"} {
		put(etcdschema.ActualNode(node), fouled[etcdschema.NodeReport](node, nil))
		put(etcdschema.ActualBucket(node, 7), fouled[etcdschema.BucketReport]("u1", nil))
		put(etcdschema.HeadKey(node), fouled[etcdschema.Head](node, nil))
	}
	put(etcdschema.Live("x"), []byte(`{}`))
}

// foulManifests have foul texts in fields, as names of fields, and where no text is allowed.
func foulManifests() []string {
	quoted := `"x\e]0;\a\b\r\t\x7f\x9b\x85\u202e\u2066\u200f\u2028\u2029\u200b\ufeff\U000e0041"`
	var list []string
	for _, field := range []string{"metadata: {name: %s}\nkind: Project\nspec: {}", "metadata: {name: x}\nkind: %s\nspec: {}", "metadata: {name: x}\nkind: Port\nspec: {%s: 1}",
		"metadata: {project: %s, name: x}\nkind: Port\nspec: {network: x}", "metadata: {project: x, name: x}\nkind: Port\nspec: {network: %[1]s, host: %[1]s, migrateTo: %[1]s, mac: %[1]s, addresses: [%[1]s], device: %[1]s, interfaceID: %[1]s, hostname: %[1]s}",
		"metadata: {project: x, name: x}\nkind: Network\nspec: {type: %[1]s, physicalNetwork: %[1]s, subnets: [{cidr: %[1]s, gateway: %[1]s}], dhcp: {domain: %[1]s, leaseTime: %[1]s, routes: [{destination: %[1]s, nextHop: %[1]s}]}, external: {ipv6: %[1]s}}",
		"metadata: {project: x, name: x, displayName: %s}\nkind: Network\nspec: {type: vlan}", "metadata: {project: x, name: x}\nkind: FloatingIP\nspec: {network: %[1]s, pool: %[1]s, portForwards: [{protocol: %[1]s, port: %[1]s, target: %[1]s}]}",
		"metadata: {name: x}\nkind: AddressPool\nspec: {network: %[1]s, ranges: [{start: %[1]s, end: %[1]s}], hostGroups: [%[1]s], exclude: [%[1]s], holdTime: %[1]s, drain: %[1]s}",
		"metadata: {name: x}\nkind: Host\nspec: {driver: %[1]s, roles: [%[1]s], bridge: %[1]s, group: %[1]s, physicalNetworks: [{name: %[1]s, interface: %[1]s}]}"} {
		list = append(list, "apiVersion: weft/v1\n"+fmt.Sprintf(field, quoted)+"\n")
	}
	return append(list, foulText, "apiVersion: "+foulText, "\xfe\xff", "- "+quoted, quoted+": "+quoted)
}
