package scale_test

import (
	"os"
	"testing"

	"weft/integration/scale"
	"weft/integration/testbed"
)

func TestMain(m *testing.M) {
	testbed.Child()
	scale.Child()
	os.Exit(m.Run())
}
