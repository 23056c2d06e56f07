package planner

import (
	"testing"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/internal/fixture"
)

// wrote expects that a change writes at most this number of keys, in one transaction.
func (s *sim) wrote(t *testing.T, what string, want int, do func()) {
	t.Helper()
	writes, transactions := s.writes, s.transactions
	do()
	s.settle()
	s.check()
	if n := s.writes - writes; n > want || s.transactions != transactions+1 {
		t.Errorf("%s wrote %d keys in %d transactions, expected at most %d in one", what, n, s.transactions-transactions, want)
	}
}

// restoreClaims writes the claims that are restored from the nodes' reports. It returns their number.
func (s *sim) restoreClaims() int {
	claims := s.rebuildClaims()
	for k, cl := range claims {
		s.record(k, cl)
	}
	return len(claims)
}

// staysWhileReported expects that an address on the external network stays claimed by an owner that only a node knows. It is held as soon
// as the bucket with the report is empty.
func (s *sim) staysWhileReported(t *testing.T, network string, addr model.Address, owner string, bucket etcdschema.Key, what string) {
	t.Helper()
	k := etcdschema.AddressClaim(network, addr)
	s.planner.EnqueueAll() // claims of unknown owners are released, except reported ones
	s.settle()
	if cl, _ := s.cache().Claim(k); cl.Owner != owner || cl.State != etcdschema.ClaimBound {
		t.Errorf("a node has the %s, and the claim is %+v", what, cl)
	}
	s.put(fixture.Floating("web"), `{"spec":{"network":"operator/internet"}}`)
	s.settle()
	if got := s.cache().Accepted(fixture.Floating("web")).Allocated.Addresses; len(got) != 1 || got[0] == addr {
		t.Errorf("a floating address was given %v, which the %s on a node still has", got, what)
	}
	s.record(bucket, etcdschema.BucketReport{})
	s.settle()
	if cl, _ := s.cache().Claim(k); cl.State != etcdschema.ClaimHeld {
		t.Errorf("no node has the %s any more, and the claim is %+v", what, cl)
	}
}
