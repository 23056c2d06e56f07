package engine

import (
	"encoding/json"
	"strings"
	"testing"

	"weft/model/desired"
)

// TestDesiredShowsNoSecrets: the debug listener shows the size of user data, and all other fields.
func TestDesiredShowsNoSecrets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		item  desired.Item
		shown string
	}{
		{&desired.Metadata{UID: "p1", UserData: []byte("hunter2"), SSHKeys: []string{"key"}}, `{"sshKeys":["key"],"uid":"p1","userData":"14 bytes (not shown)"}`},
		{&desired.Metadata{UID: "p1"}, `{"uid":"p1"}`},
		{&desired.SecurityGroup{UID: "g1", Project: "alpha", Name: "web"}, `{"uid":"g1","project":"alpha","name":"web"}`},
	} {
		data, err := json.Marshal(shownDesired(c.item, desired.AllKinds().Secrets(c.item.Key().Kind)))
		if err != nil || string(data) != c.shown || strings.Contains(string(data), "hunter") {
			t.Errorf("%s, %v; expected %s", data, err, c.shown)
		}
	}
}
