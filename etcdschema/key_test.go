package etcdschema

import (
	"strings"
	"testing"

	"weft/model"
)

func TestParseIDReadsWhatTheConstructorsWrite(t *testing.T) {
	t.Parallel()
	for _, id := range []model.ID{
		{Project: "alpha", Kind: model.KindPort, Name: "web-1"},
		{Project: model.ClusterProject, Kind: model.KindHost, Name: "h1"},
	} {
		for _, k := range []Key{Intent(id), AcceptedKey(id), StatusKey(id)} {
			if got, ok := ParseID(k); !ok || got != id {
				t.Errorf("%s: %v %v, want %v", k, got, ok, id)
			}
		}
	}
}

func TestParseIDRefuses(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"", "/", "intent", "intent/", "intent/alpha/port", "intent/alpha/port/", "intent//port/web-1",
		"intent/alpha/port/web-1/", "intent/alpha/port/web-1/more", "intent/alpha/Port/web-1", "intent/alpha/ports/web-1",
		"intent/alpha/volume/web-1", "intent/alpha/host/h1", "intent/_/port/web-1", "claim/alpha/port/web-1",
		"intent/alpha/port/web\x001", "intent/alpha/port/web\n1", "intent/alpha/port/\xff\xfe",
		"intent/alpha/port/" + strings.Repeat("x", 254), "intent/" + strings.Repeat("/", 1<<16),
	} {
		if id, ok := ParseID(ParseKey(path)); ok {
			t.Errorf("%.40q was read as %v", path, id)
		}
	}
}

func TestClaimKeysStayInTheirSegment(t *testing.T) {
	t.Parallel()
	keys := map[string]string{}
	for _, v := range []string{"a", "a/b", "a%2fb", "../x", "a b", "a\x00", "é"} {
		for _, k := range []Key{InterfaceClaim(v), DeviceClaim("h", v), DeviceClaim(v, "h")} {
			if n := strings.Count(k.path, "/"); n > 3 {
				t.Errorf("%q: %d slashes in %s", v, n, k)
			}
			if before, ok := keys[k.path]; ok {
				t.Errorf("%q and %q share %s", v, before, k)
			}
			keys[k.path] = v
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	for _, s := range []string{"intent/alpha/port/web-1", "desired/h1/port/u1", "desired/h1/_head", "claim/address/u1/192.0.2.1", "////"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		k := ParseKey(path)
		if id, ok := ParseID(k); ok && Intent(id).path != path && AcceptedKey(id).path != path && StatusKey(id).path != path {
			t.Errorf("%q was read as %v, which is written otherwise", path, id)
		}
		if node, item, head, ok := ParseDesired(k); ok && !head && DesiredKey(node, item) != k {
			t.Errorf("%q was read as %s %v, which is written otherwise", path, node, item)
		}
		if uid, a, ok := ParseAddressClaim(k); ok && AddressClaim(uid, a).path != path && !strings.Contains(path, ":") && !strings.Contains(path, "%") {
			t.Errorf("%q was read as %s %s, which is written otherwise", path, uid, a)
		}
	})
}

// What a key of a node is read as, it is also written as; any other key of these areas belongs to nothing.
func TestNodeKeysAreReadExactly(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"actual/h1/node", "actual/h1/bucket/00", "actual/h1/bucket/63", "desired/h1/_head", "desired/h1/port/u1", "desired/h1//", "desired///u1",
	} {
		k := ParseKey(path)
		node, bucket, summary, actual := ParseActual(k)
		of, item, head, wanted := ParseDesired(k)
		same := summary && ActualNode(node) == k || actual && !summary && ActualBucket(node, bucket) == k ||
			head && HeadKey(of) == k || wanted && !head && DesiredKey(of, item) == k
		if !same {
			t.Errorf("%s is read as %s %d %v %v and %s %v %v %v", path, node, bucket, summary, actual, of, item, head, wanted)
		}
	}
	for _, path := range []string{
		"", "actual", "actual/", "actual/h1", "actual/h1/", "actual//node", "actual/h1/node/", "actual/h1/nodes", "actual/h1/bucket",
		"actual/h1/bucket/", "actual/h1/bucket/1", "actual/h1/bucket/+1", "actual/h1/bucket/64", "actual/h1/bucket/001", "actual/h1/bucket/-1",
		"actual/h1/bucket/01/", "actual/h\n1/node", "actual/h1/02", "desired", "desired/h1", "desired/h1/", "desired/h1/port", "desired/h1/_head/",
		"desired/h1/_head/x/y", "desired/h1/port/u1/", "desired/h1/port/u1/x", "desiredh1/port/u1", "intent/h1/port/u1",
	} {
		k := ParseKey(path)
		if _, _, _, ok := ParseActual(k); ok {
			t.Errorf("%q is read as a report", path)
		}
		if _, item, head, ok := ParseDesired(k); ok && (head || DesiredKey("h1", item) != k) {
			t.Errorf("%q is read as an item", path)
		}
	}
}
