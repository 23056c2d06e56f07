package engine

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"weft/etcdschema"
	"weft/hostnet/object"
	"weft/model/desired"
	"weft/reconcile/compile"
)

// itemTable has the results of the node config's items, and the objects of all of them by key.
type itemTable struct {
	items      map[desired.Key]*itemState
	objects    map[object.Key]*objectState
	dependants dependantIndex
	// contested lists, for an object, the items that want it although another item has it.
	contested map[object.Key]map[desired.Key]bool
	// leaving are objects that this process desired and does not desire any more, until they are removed.
	leaving map[object.Key]leaver
	orphans map[object.Key]string // removals that failed → why
	byUID   [etcdschema.Buckets]map[string][]*itemState
}

// leaver is an object that must be removed: its item, and what it depended on, which must be removed after it.
type leaver struct {
	uid, title string
	needs      []object.Key
}

// itemState is one item.
type itemState struct {
	key       desired.Key
	title     string // what people call it, as of the last time it was in the node config
	result    compile.Result
	keys      []object.Key // of its objects
	conflict  string
	exception *etcdschema.Exception
	warnings  warnings
	rejected  map[rejectedBy]rejectedCount // what was kept from passing
	// gatewaySince is when a centralized router changed its role here.
	gatewaySince time.Time
}

// objectState is one desired object.
type objectState struct {
	want    object.Object
	item    desired.Key
	good    object.Object // last read back as desired; nil before that, and after a change of ours that may have affected it
	on      incarnation   // its device then
	owed    bool          // its repair has failed; it is counted when it succeeds
	failure string        // why the last try failed
	blocked string        // what it waits for
}

func newItemTable() *itemTable {
	t := &itemTable{items: map[desired.Key]*itemState{}, objects: map[object.Key]*objectState{},
		dependants: dependantIndex{}, contested: map[object.Key]map[desired.Key]bool{},
		leaving: map[object.Key]leaver{}, orphans: map[object.Key]string{}}
	for i := range t.byUID {
		t.byUID[i] = map[string][]*itemState{}
	}
	return t
}

// get returns the item's state, and makes it if needed.
func (t *itemTable) get(k desired.Key) *itemState {
	it := t.items[k]
	if it == nil {
		it = &itemState{key: k}
		t.items[k] = it
		b := t.byUID[etcdschema.Bucket(k.UID)]
		b[k.UID] = append(b[k.UID], it)
	}
	return it
}

// set stores the result of its item. It returns the keys of objects to compare, and the items that may now get objects which another
// item had. Objects that are the same as before stay, because others have them too: drivers share what they have applied.
func (t *itemTable) set(u compile.Result) (changed []object.Key, freed []desired.Key) {
	it := t.get(u.Key)
	if g := u.Gateway; g != nil && (it.result.Gateway == nil || it.result.Gateway.Active != g.Active) {
		it.gatewaySince = time.Now().UTC()
	}
	it.result, it.conflict = u, ""
	old := it.keys
	it.keys = nil
	for i, o := range u.Objects {
		k := o.Key()
		if have := t.objects[k]; have != nil && (have.item != u.Key || slices.Contains(it.keys, k)) {
			it.conflict = fmt.Sprintf("%s belongs to %s %s already", k, have.item.Kind, have.item.UID)
			t.contest(k, u.Key)
			continue
		}
		if have := t.objects[k]; have != nil && reflect.DeepEqual(have.want, o) {
			u.Objects[i] = have.want
		} else {
			t.want(k, o, u.Key)
		}
		it.keys = append(it.keys, k)
		changed = append(changed, k)
	}
	for _, k := range old {
		if !slices.Contains(it.keys, k) {
			freed = append(freed, t.unwant(k, it)...)
			changed = append(changed, k)
		}
	}
	return changed, freed
}

func (t *itemTable) want(k object.Key, o object.Object, item desired.Key) {
	st := t.objects[k]
	if st == nil {
		st = &objectState{item: item}
		t.objects[k] = st
	} else {
		t.dependants.unlink(st)
	}
	st.want = o
	t.dependants.link(st)
	delete(t.leaving, k)
	delete(t.orphans, k)
}

// unwant marks an object to be removed.
func (t *itemTable) unwant(k object.Key, it *itemState) (freed []desired.Key) {
	st := t.objects[k]
	t.dependants.unlink(st)
	delete(t.objects, k)
	t.leaving[k] = leaver{it.key.UID, it.title, st.want.DependsOn()}
	for item := range t.contested[k] {
		freed = append(freed, item)
	}
	delete(t.contested, k)
	return freed
}

// withDependants adds the objects that must be removed before one of the keys, because only a plan that has both keeps the order.
func (t *itemTable) withDependants(keys map[object.Key]bool) {
	first := map[object.Key][]object.Key{}
	for k, l := range t.leaving {
		for _, needed := range l.needs {
			first[needed] = append(first[needed], k)
		}
	}
	queue := slices.Collect(maps.Keys(keys))
	for len(queue) > 0 {
		k := queue[0]
		queue = queue[1:]
		if t.objects[k] != nil { // it stays
			continue
		}
		for _, f := range first[k] {
			if !keys[f] {
				keys[f] = true
				queue = append(queue, f)
			}
		}
	}
}

func (t *itemTable) contest(k object.Key, item desired.Key) {
	if t.contested[k] == nil {
		t.contested[k] = map[desired.Key]bool{}
	}
	t.contested[k][item] = true
}

// remove forgets an item that is not in the node config any more. set was called with an empty result before.
func (t *itemTable) remove(k desired.Key) {
	it := t.items[k]
	delete(t.items, k)
	b := t.byUID[etcdschema.Bucket(k.UID)]
	if b[k.UID] = slices.DeleteFunc(b[k.UID], func(o *itemState) bool { return o == it }); len(b[k.UID]) == 0 {
		delete(b, k.UID)
	}
}

// settleGone forgets an object that need not be removed (any more). If its removal only waits for the proof of the node config, the list
// of our objects finds it again.
func (t *itemTable) settleGone(k object.Key) {
	delete(t.leaving, k)
	delete(t.orphans, k)
}

// judge computes the item's exception from its result and objects. It returns whether the item must be retried. bad says why the
// newest value in etcd cannot be used.
func (t *itemTable) judge(it *itemState, bad string, now time.Time) (retry bool) {
	state, reason := etcdschema.ExceptionPending, it.result.Pending
	fail := func(why string) {
		if state != etcdschema.ExceptionFailed {
			state, reason = etcdschema.ExceptionFailed, why
		}
	}
	for _, why := range []string{bad, it.result.Refused, it.conflict} {
		if why != "" {
			fail(why)
		}
	}
	for _, k := range it.keys {
		o := t.objects[k]
		switch {
		case o.failure != "":
			fail(o.failure)
			retry = true
		case o.blocked != "":
			if state == etcdschema.ExceptionPending && !strings.Contains(reason, o.blocked) {
				reason = strings.TrimPrefix(reason+"; "+o.blocked, "; ")
			}
		}
	}
	it.except(state, reason, now)
	return retry
}

// except sets the exception. Its time stays as long as state and reason stay.
func (it *itemState) except(state etcdschema.ExceptionState, reason string, now time.Time) {
	const maxReason = 500
	reason = bounded(reason, maxReason)
	switch e := it.exception; {
	case reason == "":
		it.exception = nil
	case e == nil || e.State != state || e.Reason != reason:
		it.exception = &etcdschema.Exception{State: state, Reason: reason, Since: now.UTC()}
	}
}
