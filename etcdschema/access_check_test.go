package etcdschema

import (
	"strings"
	"testing"

	"weft/etcdschema/etcdserver"
)

func TestCheckVersion(t *testing.T) {
	t.Parallel()
	for version, good := range map[string]bool{
		"3.4.23": false, "3.5.21": false, "3.6.13": false, "3.6.14": true, "3.6.20": true, "3.7.0": false, "3.7.0-rc.1": false,
		"3.7.1": true, "3.7.3": true, "3.8.0": true, "4.0.0": true, "": false, "x.y.z": false, "3.7": false,
	} {
		if w := checkVersion(version); (w == "") != good {
			t.Errorf("%q: %q", version, w)
		}
	}
}

func TestCheckTriesTheLimits(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	for _, tc := range []struct {
		name string
		c    etcdserver.Config
		want string
	}{
		{"as we start it", etcdserver.Config{}, ""},
		{"operations", etcdserver.Config{MaxTxnOps: 64}, "--max-txn-ops"},
		{"bytes", etcdserver.Config{MaxRequestBytes: 1 << 19}, "--max-request-bytes"},
	} {
		c := openTest(t, startTest(t, tc.c))
		before := dump(t, c)
		warnings, err := Check(ctx, c)
		switch {
		case tc.want == "" && (err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "--auto-compaction-retention")):
			t.Errorf("%s: %v %v", tc.name, warnings, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
		if dump(t, c) != before {
			t.Errorf("%s: the check wrote", tc.name)
		}
	}
}
