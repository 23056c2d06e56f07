package etcdschema

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/etcdschema/etcdserver"
)

// Any number of keys can be read. Keys that do not exist are missing from the result.
func TestManyKeysAreReadAtOnce(t *testing.T) {
	t.Parallel()
	c := openTest(t, startTest(t, etcdserver.Config{}))
	var keys []Key
	want := map[string]string{}
	for i := range 3*MaxTxnOps + 1 {
		k := ParseKey(fmt.Sprintf("intent/alpha/ports/p%d", i))
		keys = append(keys, k)
		if i%3 == 0 {
			put(t, c, k.String(), fmt.Sprint(i))
			want[k.String()] = fmt.Sprint(i)
		}
	}
	found, err := c.GetMany(testContext(t), keys)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for k, it := range found {
		got[k.String()] = string(it.Value)
		if it.Key != k || it.ModRevision == 0 {
			t.Errorf("%s has item %+v", k, it)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if none, err := c.GetMany(testContext(t), nil); err != nil || len(none) != 0 {
		t.Errorf("no keys: %v, %v", none, err)
	}
}

// Values that are too large for one answer come in several answers.
func TestManyLargeKeysAreReadInSeveralAnswers(t *testing.T) {
	t.Parallel()
	e := startTest(t, etcdserver.Config{})
	c, err := Open(t.Context(), Config{Endpoints: e.Endpoints(), Logger: slog.New(slog.DiscardHandler), receiveBytes: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	var keys []Key
	for i := range 20 {
		keys = append(keys, ParseKey(fmt.Sprintf("event/%d", i)))
		put(t, c, keys[i].String(), strings.Repeat("x", 50<<10))
	}
	found, err := c.GetMany(testContext(t), keys)
	if err != nil || len(found) != len(keys) {
		t.Errorf("%d keys, %v", len(found), err)
	}
}

// Names are listed without reading all keys of a name that has many. No name is missed that sorts close to another one.
func TestNamesBelowAPrefix(t *testing.T) {
	t.Parallel()
	c := openTest(t, startTest(t, etcdserver.Config{}))
	for i := 0; i < namesPage+MaxTxnOps; i += MaxTxnOps {
		commit(t, c, func(tx *Txn) {
			for j := range MaxTxnOps {
				tx.Put(ParseKey(fmt.Sprintf("intent/b/ports/p%05d", i+j)), []byte("{}"))
			}
		})
	}
	for _, path := range []string{"a/ports/x", "b-c/ports/x", "b.c/ports/x", "b0/ports/x", "bare", "bare/ports/x", "bare-c/ports/x", "c"} {
		put(t, c, "intent/"+path, "{}")
	}
	put(t, c, "accepted/other/ports/x", "{}")
	var got []string
	for name, err := range c.Names(testContext(t), IntentPrefix()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, name)
	}
	if diff := cmp.Diff([]string{"a", "b-c", "b.c", "b", "b0", "bare", "bare-c", "c"}, got); diff != "" {
		t.Error(diff)
	}
}
