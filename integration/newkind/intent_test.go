package newkind

import (
	"weft/model"
)

const kindBeacon model.Kind = "Beacon"

func beaconKind() model.KindInfo {
	return model.KindInfo{Kind: kindBeacon, New: func() model.Spec { return &beaconSpec{} }}
}

// beaconSpec declares a light on a host. No two beacons of the region have one channel.
type beaconSpec struct {
	Host    string `json:"host"`
	Channel int    `json:"channel"`
	Color   string `json:"color,omitempty"`
}

func (*beaconSpec) Kind() model.Kind { return kindBeacon }

func (s *beaconSpec) References(project string) []model.Reference {
	return []model.Reference{
		{Field: "metadata.project", To: model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: project}},
		{Field: "spec.host", To: model.ID{Project: model.ClusterProject, Kind: model.KindHost, Name: s.Host}},
	}
}

func (s *beaconSpec) Validate(c *model.Checker) {
	if s.Channel < 1 || s.Channel > 99 {
		c.Fail("spec.channel", "%d is no channel: choose one from 1 to 99", s.Channel)
	}
}

func (*beaconSpec) ValidateRefs(*model.RefChecker) {}
