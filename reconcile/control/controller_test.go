package control

import (
	"testing"

	"weft/etcdschema"
	"weft/model/desired"
)

func TestIntentBecomesDesired(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.start("one", nil)
	b.region()
	b.put(port("web-1"), portOnH1)
	b.await("the port on h1", func(c *Cache) bool {
		p, ok := itemOn[*desired.Port](c, "h1", port("web-1"))
		n, has := itemOn[*desired.Network](c, "h1", blue)
		return ok && has && len(p.Addresses) == 2 && p.Addresses[0].Is6() && p.Network == n.UID && c.nodes["h1"].headMatches()
	})
	b.await("its status", func(c *Cache) bool {
		s := c.statusOf(port("web-1"))
		return s.Phase == etcdschema.PhaseAccepted && s.Nodes["h1"].DesiredRevision > 0 && !s.Nodes["h1"].Programmed
	})
	b.mu.Lock()
	rev := b.cache.Revision
	b.mu.Unlock()
	rep := etcdschema.NewTxn()
	rep.Put(etcdschema.ActualNode("h1"), etcdschema.NodeReport{ProcessedRevision: rev, EtcdRevision: rev, Features: desired.Features()})
	b.commit(rep)
	b.await("programmed", func(c *Cache) bool { return c.statusOf(port("web-1")).Nodes["h1"].Programmed })
	b.delete(etcdschema.Intent(port("web-1")))
	b.await("the port gone and its claims held", func(c *Cache) bool {
		_, has := itemOn[*desired.Network](c, "h1", blue)
		held := 0
		for k := range c.entries {
			if cl, ok := c.claim(k); ok && area(k) == "claim" && cl.State == etcdschema.ClaimHeld {
				held++
			}
		}
		return c.accepted[port("web-1")] == nil && !has && held == 3 && c.nodes["h1"].headMatches() &&
			c.entries[etcdschema.StatusKey(port("web-1"))] == nil
	})
}
