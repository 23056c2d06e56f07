package daemon

import (
	"testing"

	"weft/model/desired"
)

func TestFeatures(t *testing.T) {
	t.Parallel()
	got, err := Config{DisableFeatures: []desired.Feature{desired.FeatureStandby}}.features()
	if err != nil || len(got) != len(desired.Features())-1 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := (Config{DisableFeatures: []desired.Feature{"warp"}}).features(); err == nil {
		t.Error("an unknown feature was disabled")
	}
}
