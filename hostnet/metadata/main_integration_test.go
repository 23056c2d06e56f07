//go:build integration

package metadata

import (
	"testing"

	"weft/hostnet/packetsocket/packetsockettest"
)

func TestMain(m *testing.M) { packetsockettest.Main(m) }
