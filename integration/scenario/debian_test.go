//go:build integration

package scenario

import (
	"github.com/rogpeppe/go-internal/testscript"

	"weft/integration/debian"
)

// unpacked VARIABLE PACKAGE…: sets the variable to a folder with the files of Debian packages. They are not installed.
func unpacked(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "unpacked")
	usage(ts, args, 2, -1, "unpacked variable package…")
	root, err := debian.Unpack(of(ts).testbed.Context(), args[1:]...)
	ts.Check(err)
	ts.Setenv(args[0], root)
}
