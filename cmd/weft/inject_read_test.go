package main

import (
	"testing"

	"weft/hostnet/guestconfig"
	"weft/model"
)

// TestUnusedOf: what a later port has for the guest is named when the first port has something else, however much it is.
func TestUnusedOf(t *testing.T) {
	t.Parallel()
	g := guestconfig.Guest{UserData: []byte("a"), SSHKeys: []string{"k"}, Metadata: []guestconfig.Item{{Key: "role", Value: "web"}}}
	for want, s := range map[string]model.PortSpec{
		"":                                   {UserData: "a", SSHKeys: []string{"k"}, Metadata: []model.MetadataItem{{Key: "role", Value: "web"}}},
		"metadata":                           {Metadata: []model.MetadataItem{{Key: "role", Value: "db"}}},
		"user data and sshKeys":              {UserData: "b", SSHKeys: []string{"l"}},
		"user data and sshKeys and metadata": {UserData: "b", SSHKeys: []string{"l"}, Metadata: []model.MetadataItem{{Key: "r", Value: "web"}}},
	} {
		if got := unusedOf(guestSource{spec: &s}, g); got != want {
			t.Errorf("%+v: %q, expected %q", s, got, want)
		}
	}
	if got := unusedOf(guestSource{spec: &model.PortSpec{}}, g); got != "" {
		t.Errorf("a port that has nothing: %q", got)
	}
}
