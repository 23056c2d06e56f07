package etcdschema

import (
	"fmt"
	"strings"
	"testing"

	"weft/etcdschema/etcdserver"
)

// told is what was last reported to an observer about each key: its value, "refused" or "deleted".
func told(bs ...Batch) map[string]string {
	out := map[string]string{}
	for _, b := range bs {
		for _, e := range b.Events {
			switch {
			case e.Refused:
				out[e.Key.path] = "refused" + string(e.Value)
			case e.Deleted:
				out[e.Key.path] = "deleted"
			default:
				out[e.Key.path] = string(e.Value)
			}
		}
	}
	return out
}

func TestFollowKeepsNothingThatIsNotWanted(t *testing.T) {
	t.Parallel()
	e := startTest(t, etcdserver.Config{})
	direct, p := openTest(t, e), startProxy(t, e)
	limit := func(k Key) int {
		if strings.Contains(k.path, "junk") {
			return -1
		}
		return 3
	}
	put(t, direct, "intent/good", "1")
	put(t, direct, "intent/large", "1234")
	put(t, direct, "intent/junk", "")
	o := observe(t, p.open(t), FollowerConfig{Prefixes: []Prefix{IntentPrefix()}, Limit: limit})
	want := map[string]string{"intent/good": "1", "intent/large": "refused", "intent/junk": "refused"}
	if got := told(o.next(t)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the first list tells %v, want %v", got, want)
	}
	put(t, direct, "intent/good", "12345")
	put(t, direct, "intent/large", "12")
	commit(t, direct, func(tx *Txn) { tx.Delete(ParseKey("intent/junk")) })
	rev := put(t, direct, "intent/junk-2", "x")
	want = map[string]string{"intent/good": "refused", "intent/large": "12", "intent/junk": "deleted", "intent/junk-2": "refused"}
	if got := told(o.until(t, rev)...); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the watch tells %v, want %v", got, want)
	}
	// A refused key is no sign of another history. A list reports it every time.
	p.cut()
	put(t, direct, "intent/junk-3", "x")
	if _, err := direct.Etcd().Compact(testContext(t), put(t, direct, "intent/good", "2")); err != nil {
		t.Fatal(err)
	}
	rev = put(t, direct, "intent/last", "3")
	p.turn(t, e)
	bs := o.until(t, rev)
	for _, b := range bs {
		if b.WentBack {
			t.Error("etcd is said to have gone back")
		}
	}
	got := told(bs...)
	want = map[string]string{"intent/good": "2", "intent/junk-2": "refused", "intent/junk-3": "refused", "intent/last": "3"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the list after the outage tells %v, want %v", got, want)
	}
	if err := o.stop(); err != nil || len(o.follower.known) != 3 {
		t.Errorf("the follower ends with %v and keeps %v", err, o.follower.known)
	}
}

func TestParseActualKnowsTheKeysOfReports(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path    string
		summary bool
		bucket  int
		ok      bool
	}{
		{"actual/h1/node", true, 0, true}, {"actual/h1/bucket/00", false, 0, true}, {"actual/h1/bucket/63", false, 63, true},
		{path: "actual/h1/bucket/64"}, {path: "actual/h1/bucket/1"}, {path: "actual/h1/bucket/+1"}, {path: "actual/h1/bucket/001"},
		{path: "actual/h1/bucket/-1"}, {path: "actual/h1/node/"}, {path: "actual/h1/node/node"}, {path: "actual/h1/x/01"}, {path: "actual/h1/"},
		{path: "actual//node"}, {path: "actual/node"}, {path: "actual/h1/bucket/01/02"}, {path: "desired/h1/node"},
		{path: "actual/" + strings.Repeat("/", 1<<16)}, {path: "actual/h1\x1b/node"},
	} {
		node, bucket, summary, ok := ParseActual(ParseKey(c.path))
		if ok != c.ok || summary != c.summary || bucket != c.bucket || ok != (node == "h1") {
			t.Errorf("%.40q is read as %q %d %v %v", c.path, node, bucket, summary, ok)
		}
	}
}
