package etcdschema

import (
	"fmt"
	"testing"

	"weft/etcdschema/etcdserver"
)

// The items of a list are prepared, except refused ones. Items that the watch brings are not.
func TestFollowPreparesTheItemsOfAList(t *testing.T) {
	t.Parallel()
	c := openTest(t, startTest(t, etcdserver.Config{}))
	const keys = pageFirst + 10 // two pages
	for from := 0; from < keys; from += MaxTxnOps {
		commit(t, c, func(tx *Txn) {
			for i := from; i < min(from+MaxTxnOps, keys); i++ {
				tx.Put(ParseKey(fmt.Sprintf("intent/%d", i)), []byte("v"))
			}
		})
	}
	put(t, c, "intent/large", "too large")
	o := observe(t, c, FollowerConfig{Prefixes: []Prefix{IntentPrefix()}, Limit: func(Key) int { return 3 },
		Prepare: func(it Item) any { return it.Key.String() + string(it.Value) }})
	list := o.next(t)
	for _, e := range list.Events {
		if want := e.Key.String() + string(e.Value); !e.Refused && e.Prepared() != want || e.Refused && e.Prepared() != nil {
			t.Fatalf("%s is prepared as %v", e.Key, e.Prepared())
		}
	}
	if len(list.Events) != keys+1 {
		t.Errorf("%d events", len(list.Events))
	}
	for _, b := range o.until(t, put(t, c, "intent/1", "w")) {
		for _, e := range b.Events {
			if e.Prepared() != nil {
				t.Errorf("%s of the watch is prepared as %v", e.Key, e.Prepared())
			}
		}
	}
}
