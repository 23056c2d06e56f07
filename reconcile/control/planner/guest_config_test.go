package planner

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
	"weft/reconcile/control/internal/fixture"
)

const guestKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

// guestSpec is a port with a secret for its guest. more is the rest of the spec.
func guestSpec(secret, more string) string {
	return fmt.Sprintf(`{"spec":{"network":"blue","userData":"%s","sshKeys":["%s %s"],"metadata":[{"key":"k","value":"%s"}]%s}}`,
		secret, guestKey, secret, secret, more)
}

// metadataOn is what a node knows for the guest of a port; nil when it knows nothing. It checks that a node knows it of its ports only.
func (s *sim) metadataOn(node, port string) *desired.Metadata {
	s.t.Helper()
	s.settle()
	s.check()
	n, a := s.cache().Node(node), s.cache().Accepted(fixture.Port(port))
	if n == nil || a == nil {
		return nil
	}
	for k := range n.Items {
		if k.Kind == desired.KindMetadata && n.Items[desired.Key{Kind: desired.KindPort, UID: k.UID}] == nil {
			s.t.Fatalf("%s knows %s, and not its port", node, k.UID)
		}
	}
	if e := n.Items[desired.Key{Kind: desired.KindMetadata, UID: a.UID}]; e != nil {
		return e.Value.(*desired.Metadata)
	}
	return nil
}

// metadataSim is a region with two hosts that serve metadata, and a port on the first.
func metadataSim(t *testing.T) *sim {
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	for _, node := range []string{"h1", "h2"} {
		s.feature(node, append(desired.Baseline(), desired.FeatureMetadata, desired.FeatureStandby)...)
	}
	s.put(fixture.Port("web"), guestSpec("hunter1", `,"host":"h1"`))
	s.settle()
	return s
}

// expectMetadata checks what nodes know for the guest; empty for nothing.
func (s *sim) expectMetadata(what, h1, h2 string) {
	s.t.Helper()
	for node, want := range map[string]string{"h1": h1, "h2": h2} {
		got := ""
		if m := s.metadataOn(node, "web"); m != nil {
			got = string(m.UserData)
			if len(m.SSHKeys) != 1 || !strings.HasSuffix(m.SSHKeys[0], got) || len(m.Words) != 1 || m.Words[0].Value != got {
				s.t.Fatalf("%s: %s has %+v", what, node, m)
			}
		}
		if got != want {
			s.t.Fatalf("%s: %s has %q, expected %q", what, node, got, want)
		}
	}
}

// TestGuestConfigGoesToThePortsHosts: what a guest is configured with is on the hosts of its port and nowhere else. A change of it writes the
// accepted port, that item and the head.
func TestGuestConfigGoesToThePortsHosts(t *testing.T) {
	t.Parallel()
	s := metadataSim(t)
	s.expectMetadata("on h1", "hunter1", "")
	s.wrote(t, "other user data", 3, func() { s.put(fixture.Port("web"), guestSpec("hunter2", `,"host":"h1"`)) })
	s.expectMetadata("other user data", "hunter2", "")
	s.put(fixture.Port("web"), guestSpec("hunter2", `,"host":"h1","migrateTo":"h2"`))
	s.expectMetadata("on its way", "hunter2", "hunter2")
	s.put(fixture.Port("web"), guestSpec("hunter2", `,"host":"h2"`))
	s.expectMetadata("moved", "", "hunter2")
	s.put(fixture.Port("web"), `{"spec":{"network":"blue","host":"h2"}}`)
	s.expectMetadata("nothing for the guest", "", "")
	s.put(fixture.Port("web"), guestSpec("hunter3", `,"host":"h2"`))
	s.expectMetadata("something again", "", "hunter3")
	s.remove(fixture.Port("web"))
	s.settle()
	for k, v := range s.snapshot() {
		if strings.Contains(v, "hunter") || strings.Contains(k, "/metadata/") {
			t.Errorf("%s is left of a deleted port: %s", k, v)
		}
	}
}

// TestHostsThatServeNoMetadata: a port is on a host with an older weftd, and without what is for its guest. It comes with the upgrade.
func TestHostsThatServeNoMetadata(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.feature("h1", desired.Baseline()...)
	s.put(fixture.Port("web"), guestSpec("hunter1", `,"host":"h1"`))
	s.expectMetadata("an old weftd", "", "")
	if a := s.cache().Accepted(fixture.Port("web")); !slices.Equal(s.cache().PlacedOn(desired.Key{Kind: desired.KindPort, UID: a.UID}), []string{"h1"}) {
		t.Error("the port is not on its host")
	}
	if c := s.condition(fixture.Port("web")); c.Phase != etcdschema.PhaseAccepted {
		t.Errorf("the port is %+v", c)
	}
	s.feature("h1", append(desired.Baseline(), desired.FeatureMetadata)...)
	s.expectMetadata("upgraded", "hunter1", "")
	s.feature("h1", desired.Baseline()...)
	s.expectMetadata("downgraded", "", "")
}

// TestMetadataByHand: what somebody writes or deletes in desired/ is repaired.
func TestMetadataByHand(t *testing.T) {
	t.Parallel()
	s := metadataSim(t)
	uid := s.cache().Accepted(fixture.Port("web")).UID
	key := etcdschema.DesiredKey("h1", desired.Key{Kind: desired.KindMetadata, UID: uid})
	for _, value := range [][]byte{nil, []byte(`garbage`), []byte(`{"uid":"` + uid + `","userData":"aHVudGVyOQ=="}`)} {
		s.event(key, value)
		s.expectMetadata("by hand", "hunter1", "")
	}
	s.event(etcdschema.DesiredKey("h2", desired.Key{Kind: desired.KindMetadata, UID: uid}), []byte(`{"uid":"`+uid+`","userData":"aHVudGVyOQ=="}`))
	s.expectMetadata("on another host", "hunter1", "")
}

// TestAPortWaitsForWhatItsGuestGets: it is programmed when the node has processed both of its items.
func TestAPortWaitsForWhatItsGuestGets(t *testing.T) {
	t.Parallel()
	s := metadataSim(t)
	programmed := func() bool {
		st, ok := s.planner.StatusFor(etcdschema.StatusKey(fixture.Port("web")))
		if !ok || st.Nodes["h1"].DesiredRevision == 0 {
			t.Fatalf("%+v", st)
		}
		return st.Nodes["h1"].Programmed
	}
	processed := func() {
		s.record(etcdschema.ActualNode("h1"), etcdschema.NodeReport{ProcessedRevision: s.rev,
			Features: append(desired.Baseline(), desired.FeatureMetadata, desired.FeatureStandby)})
		s.settle()
	}
	if programmed() {
		t.Error("programmed before the node has said so")
	}
	processed()
	if !programmed() {
		t.Error("not programmed")
	}
	s.put(fixture.Port("web"), guestSpec("hunter2", `,"host":"h1"`))
	s.settle()
	if programmed() {
		t.Error("programmed although the node does not have the new user data")
	}
	processed()
	if !programmed() {
		t.Error("not programmed with the new user data")
	}
}

// TestTheLargestGuestConfig: a port with the most of everything, on its way between two hosts, is written in transactions that etcd takes.
func TestTheLargestGuestConfig(t *testing.T) {
	t.Parallel()
	s := metadataSim(t)
	var keys, words []string
	for i := range model.MaxSSHKeys {
		key := fmt.Sprintf("%s %d", guestKey, i)
		keys = append(keys, `"`+key+strings.Repeat("<", model.MaxSSHKeyBytes-len(key))+`"`)
	}
	for i := range model.MaxMetadata {
		name := fmt.Sprint(i)
		words = append(words, fmt.Sprintf(`{"key":"%s%s","value":"%s"}`, name, strings.Repeat("k", model.MaxMetadataBytes-len(name)), strings.Repeat("&", model.MaxMetadataBytes)))
	}
	data := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{'"'}, model.MaxUserData))
	s.put(fixture.Port("web"), fmt.Sprintf(`{"spec":{"network":"blue","host":"h1","migrateTo":"h2","userDataBase64":"%s","sshKeys":[%s],"metadata":[%s]}}`,
		data, strings.Join(keys, ","), strings.Join(words, ",")))
	s.settle() // fails if a transaction is too large
	if c := s.condition(fixture.Port("web")); c.Phase != etcdschema.PhaseAccepted {
		t.Fatalf("%+v", c)
	}
	for _, node := range []string{"h1", "h2"} {
		if m := s.metadataOn(node, "web"); m == nil || len(m.UserData) != model.MaxUserData || len(m.SSHKeys) != model.MaxSSHKeys || len(m.Words) != model.MaxMetadata {
			t.Errorf("%s does not have all of it", node)
		}
	}
}
