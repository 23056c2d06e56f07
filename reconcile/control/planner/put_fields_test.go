package planner

import (
	"fmt"
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/model/desired"
	"weft/reconcile/control/internal/fixture"
)

// Unknown fields survive, in an entry that came from etcd and in one that a transaction has rewritten.
func TestUnknownFieldsSurviveAWrite(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.putAll(fixture.RegionIntent())
	s.put(fixture.Port("a"), fixture.PortOnH1)
	s.settle()
	p, _ := fixture.ItemOn[*desired.Port](s.cache(), "h1", fixture.Port("a"))
	k := etcdschema.DesiredKey("h1", p.Key())
	old := string(s.cache().Entry(k).Data)
	s.event(k, []byte(strings.TrimSuffix(old, "}")+`,"later":{"x":1}}`))
	for i := range 3 {
		s.put(fixture.Port("a"), fmt.Sprintf(`{"spec":{"network":"blue","host":"h1","hostname":"g%d"}}`, i))
		s.settle()
		data := string(s.cache().Entry(k).Data)
		if !strings.Contains(data, `"later":{"x":1}`) || !strings.Contains(data, fmt.Sprintf(`"g%d"`, i)) {
			t.Fatalf("after change %d: %s", i, data)
		}
	}
	s.check()
}
