package object_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"weft/hostnet/object"
)

// TestSecretsAreNotWritten: however a binding or a difference is written, user data, keys and words are not in it.
func TestSecretsAreNotWritten(t *testing.T) {
	t.Parallel()
	with := func(secret string) *object.MetadataBinding {
		return &object.MetadataBinding{Device: "tap1", UserData: object.Secret(secret), SSHKeys: []object.Secret{object.Secret(secret)},
			Words: []object.MetadataWord{{Key: "k", Value: object.Secret(secret)}}}
	}
	b := with("hunter2")
	encoded, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	differences := b.Diff(with("hunter3"))
	if len(differences) != 3 {
		t.Errorf("%v", differences)
	}
	for _, d := range differences {
		if d.Observed == d.Desired {
			t.Errorf("%s shows no difference", d)
		}
	}
	for how, text := range map[string]string{"%v": fmt.Sprint(b), "%+v": fmt.Sprintf("%+v", b), "%#v": fmt.Sprintf("%#v", b), "JSON": string(encoded),
		"differences": fmt.Sprint(differences)} {
		if strings.Contains(text, "hunter") || strings.Contains(text, "104 117 110") || strings.Contains(text, "aHVud") || !strings.Contains(text, "7 bytes") {
			t.Errorf("%s: %s", how, text)
		}
	}
}
