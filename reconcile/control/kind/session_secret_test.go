package kind

import (
	"testing"

	"weft/etcdschema"
)

// A host's secret on one network says nothing of that on another one.
func TestASessionSecretIsForOneNetwork(t *testing.T) {
	t.Parallel()
	host := &etcdschema.Accepted{GatewaySecret: "a secret"}
	if sessionSecret(host, "one network") == sessionSecret(host, "another") {
		t.Error("two networks have the same secret")
	}
	if sessionSecret(host, "one network") == sessionSecret(&etcdschema.Accepted{GatewaySecret: "another secret"}, "one network") {
		t.Error("two hosts have the same secret")
	}
}
