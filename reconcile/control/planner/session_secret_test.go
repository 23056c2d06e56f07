package planner

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/internal/fixture"
)

// peerSecrets are the session secrets in a gateway host's item of a router, by peer.
func (s *sim) peerSecrets(host, name string) map[string]string {
	s.t.Helper()
	uid := s.cache().Accepted(fixture.Router(name)).UID
	item, ok := cache.ValueOf[*desired.Router](s.cache().Node(host).Items[desired.Key{Kind: desired.KindRouter, UID: uid}])
	if !ok || item.Central == nil {
		s.t.Fatalf("host %s does not have router %s", host, name)
	}
	secrets := map[string]string{}
	for _, p := range item.Central.Peers {
		if p.Secret != "" {
			secrets[p.Node] = p.Secret
		}
	}
	return secrets
}

// Both sides of every session get the same secrets, or none. If a host does not support secrets, its router's other hosts get none
// either. A host without a report changes nothing.
func TestGatewayHostsShareSecrets(t *testing.T) {
	t.Parallel()
	s := centralRegion(t)
	uids := 0
	s.planner.settings.NewSecret = func() string { uids++; return fmt.Sprintf("secret %d", uids) }
	for _, name := range []string{"g1", "g2", "g3", "g4"} { // the region's own ones were made before
		s.remove(model.HostID(name))
	}
	s.settle()
	for _, name := range []string{"g1", "g2", "g3", "g4"} {
		s.put(model.HostID(name), fixture.GatewaySpec)
	}
	s.settle()
	hosts := s.gatewayHosts("edge")
	same := func(what string, n int) map[string]string {
		t.Helper()
		s.settle()
		s.check()
		want := s.peerSecrets(hosts[0], "edge")
		for _, h := range hosts {
			if got := s.peerSecrets(h, "edge"); !maps.Equal(got, want) {
				t.Errorf("%s: host %s is told %v, and %s %v", what, h, got, hosts[0], want)
			}
		}
		if len(want) != n {
			t.Errorf("%s: %d hosts have secrets: %v", what, len(want), want)
		}
		return want
	}
	first := same("all know of secrets", len(hosts))
	different := map[string]bool{}
	for _, secret := range first {
		b, err := hex.DecodeString(secret)
		if err != nil || len(b) != desired.SessionSecretSize || different[secret] {
			t.Errorf("secret %q of %v", secret, first)
		}
		different[secret] = true
	}
	old := slices.DeleteFunc(fixture.AllFeatures(), func(f desired.Feature) bool { return f == desired.FeatureSessionSecret })
	s.feature(hosts[1], old...)
	same("one is of an older version", 0)
	s.feature(hosts[1], fixture.AllFeatures()...)
	if again := same("it was upgraded", len(hosts)); !maps.Equal(again, first) {
		t.Errorf("secrets were %v, and are %v", first, again)
	}
	s.event(etcdschema.ActualNode(hosts[1]), nil)
	if again := same("nothing is known of one", len(hosts)); !maps.Equal(again, first) {
		t.Errorf("secrets were %v, and are %v", first, again)
	}
	if a := s.cache().Accepted(model.HostID("h1")); a.GatewaySecret != "" {
		t.Error("a host without the role has a secret")
	}
}
