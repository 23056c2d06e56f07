package object_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"weft/hostnet/object"
)

// kinds has an empty object of every kind.
var kinds = []object.Object{
	&object.Bridge{}, &object.Uplink{}, &object.OVSPort{}, &object.Session{}, &object.Meter{}, &object.FlowSet{}, &object.Link{}, &object.Qdisc{},
	&object.DHCPBinding{}, &object.RABinding{}, &object.MetadataBinding{}, &object.Activation{}, &object.Announcement{},
	&object.Namespace{}, &object.Veth{}, &object.Addresses{}, &object.Route{}, &object.Rule{}, &object.Neighbor{}, &object.Proxy{},
	&object.NATTable{}, &object.NATMapping{},
	&object.VLANDevice{}, &object.LinuxBridge{}, &object.BridgePort{}, &object.PortSecurity{}, &object.PortSecurityElements{}, &object.TagFilter{},
	&object.BridgeFilter{}, &object.FilterNetwork{}, &object.FilterPort{}, &object.FilterGroup{}, &object.FilterMembers{},
	&object.PortSecurityUplink{}, &object.HostFilter{}, &object.SilentDevice{},
}

// fill gives every field a value that is not zero. Another n gives every field but a bool another value. Bools are n > 1.
func fill(v reflect.Value, n int) {
	if x := leaf(v.Type(), n); x.IsValid() {
		v.Set(x)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprint("s", n))
	case reflect.Bool:
		v.SetBool(n > 1)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(n))
	default:
		panic("say in fill how a " + v.Type().String() + " is filled")
	}
}

// leaf is a value of a type that counts as one value although it has parts. It is not valid for other types.
func leaf(t reflect.Type, n int) reflect.Value {
	switch t {
	case reflect.TypeFor[object.MAC]():
		return reflect.ValueOf(object.MAC{2, 0, 0, 0, 0, byte(n)})
	case reflect.TypeFor[netip.Addr]():
		return reflect.ValueOf(netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}))
	case reflect.TypeFor[netip.Prefix]():
		return reflect.ValueOf(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n), 0, 0}), 24))
	case reflect.TypeFor[object.Optional8]():
		return reflect.ValueOf(object.Some8(byte(n - 1))) // 0 is a value too
	case reflect.TypeFor[object.Action]():
		return reflect.ValueOf(object.Output{Port: uint32(n)})
	}
	return reflect.Value{}
}

// sample is an object of the type with every field filled.
func sample(like object.Object, n int) object.Object {
	o := reflect.New(reflect.TypeOf(like).Elem())
	fill(o.Elem(), n)
	return o.Interface().(object.Object)
}

// clone shares no memory with the original.
func clone[T any](o T) T {
	return deepCopy(reflect.ValueOf(&o).Elem()).Interface().(T)
}

func deepCopy(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.Pointer:
		out.Set(reflect.New(v.Type().Elem()))
		out.Elem().Set(deepCopy(v.Elem()))
	case reflect.Slice:
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(deepCopy(v.Index(i)))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if out.Field(i).CanSet() {
				out.Field(i).Set(deepCopy(v.Field(i)))
			}
		}
	}
	return out
}

// field is one value within an object. Its path starts with the type's name ("Veth.Peer.MAC"). An element of a list has its
// list's path.
type field struct {
	path string
	at   func(o reflect.Value) reflect.Value
}

// fields walks down to the values without parts.
func fields(path string, v reflect.Value, at func(reflect.Value) reflect.Value) (all []field) {
	switch {
	case leaf(v.Type(), 1).IsValid():
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			all = append(all, fields(path+"."+v.Type().Field(i).Name, v.Field(i),
				func(o reflect.Value) reflect.Value { return at(o).Field(i) })...)
		}
		return all
	case v.Kind() == reflect.Slice:
		return fields(path, v.Index(0), func(o reflect.Value) reflect.Value { return at(o).Index(0) })
	}
	return []field{{path, at}}
}

func name(like object.Object) string { return reflect.TypeOf(like).Elem().Name() }

func fieldsOf(like object.Object) []field {
	return fields(name(like), reflect.ValueOf(sample(like, 1)).Elem(), func(o reflect.Value) reflect.Value { return o.Elem() })
}

// declared lists the constants of a type in the package's source, with their values.
func declared(t *testing.T, typ string) (values []string) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	collect := func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typ {
			for _, v := range spec.Values {
				text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, text)
			}
		}
		return true
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, collect)
	}
	if len(values) == 0 {
		t.Fatalf("no constant of type %s was found", typ)
	}
	return values
}

func sorted[T ~string](values []T) []string {
	var out []string
	for _, v := range values {
		out = append(out, string(v))
	}
	slices.Sort(out)
	return out
}

// TestListsAreWhole: every list of all constants of a type contains each of them once.
func TestListsAreWhole(t *testing.T) {
	t.Parallel()
	for typ, list := range map[string][]string{
		"Kind": sorted(object.Kinds()), "PortSecuritySet": sorted(object.PortSecuritySets()), "WarningReason": sorted(object.WarningReasons()),
	} {
		if want := sorted(declared(t, typ)); !slices.Equal(list, want) {
			t.Errorf("the list of every %s has %v, the source %v", typ, list, want)
		}
	}
}

// TestEveryKindIsTried: fails for a kind that has no object in this package's tests.
func TestEveryKindIsTried(t *testing.T) {
	t.Parallel()
	var have []object.Kind
	for _, o := range kinds {
		have = append(have, o.Key().Kind)
	}
	if !slices.Equal(sorted(have), sorted(object.Kinds())) {
		t.Errorf("the tests have objects of kinds %v, and there are %v: add an empty object of the kind to the list kinds of this file",
			have, object.Kinds())
	}
}

// TestKeys: objects of different kinds, or of one kind with different names, have different keys. A key is written with its kind.
// Keys are ordered by kind.
func TestKeys(t *testing.T) {
	t.Parallel()
	seen := map[object.Key]string{}
	for _, like := range kinds {
		for _, n := range []int{1, 2} {
			k := sample(like, n).Key()
			if other, taken := seen[k]; taken && (other != name(like) || k.Name != "weft") {
				t.Errorf("%s and %s have the key %s", other, name(like), k)
			}
			seen[k] = name(like)
			if k.Name == "" || !strings.HasPrefix(k.String(), string(k.Kind)+"/") || k.String() != string(k.Kind)+"/"+k.Name {
				t.Errorf("%s has the key %q", name(like), k)
			}
		}
	}
	a, b, c := object.Key{Kind: "a", Name: "z"}, object.Key{Kind: "b", Name: "x"}, object.Key{Kind: "b", Name: "y"}
	if got := slices.SortedFunc(slices.Values([]object.Key{c, b, a}), object.Key.Compare); !slices.Equal(got, []object.Key{a, b, c}) {
		t.Errorf("keys are in the order %v", got)
	}
	if a.Compare(a) != 0 {
		t.Error("a key is not equal to itself")
	}
}
