package control

import (
	"log/slog"
	"strings"
	"testing"

	"weft/etcdschema"
	"weft/reconcile/control/cache"
	"weft/reconcile/control/claim"
	"weft/reconcile/control/internal/fixture"
	"weft/reconcile/control/kind"
	"weft/reconcile/control/planner"
)

// A status that somebody else has written keeps the fields that this version does not know, also when it is written several times.
func TestUnknownFieldsOfAStatusSurvive(t *testing.T) {
	t.Parallel()
	kinds := kind.AllKinds()
	c := cache.New(kinds.Cached())
	p, _ := planner.New(c, kinds, claim.DefaultSettings())
	l := &loop{Controller: &Controller{metrics: newMetrics(nil, func() float64 { return 0 })}, planner: p, cache: c, log: slog.New(slog.DiscardHandler)}
	revision := int64(1)
	event := func(k etcdschema.Key, value string) {
		revision++
		p.Apply(etcdschema.Event{Item: etcdschema.Item{Key: k, Value: []byte(value), CreateRevision: 1, ModRevision: revision}}, nil)
	}
	id := fixture.Port("web-1")
	k := etcdschema.StatusKey(id)
	// write declares a port that cannot be accepted, for another reason each time, and returns its status as it is written.
	write := func(spec string) (data string) {
		t.Helper()
		event(etcdschema.Intent(id), spec)
		tx, _ := p.Fill()
		tx.Confirm(revision)
		txn := etcdschema.NewTxn()
		if !l.addStatus(txn, k) {
			t.Fatal("nothing is written")
		}
		txn.Each(func(_ etcdschema.Key, value []byte) { data = string(value) })
		return data
	}
	event(k, write(`{"spec":{"unknown":1}}`))
	if !c.Entry(k).Ours {
		t.Error("a status that this replica has written is not known")
	}
	second := write(`{"spec":{"other":2}}`)
	event(k, strings.Replace(second, "{", `{"later":{"x":1},`, 1))
	for _, spec := range []string{`{"spec":{"third":3}}`, `{"spec":{"fourth":4}}`} {
		data := write(spec)
		if !strings.Contains(data, `"later":{"x":1}`) {
			t.Errorf("the unknown field is lost: %s", data)
		}
		event(k, data)
	}
}
