package claim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
)

const kindLamp model.Kind = "Lamp"

// lamp is an object that claims its channels. An empty channel is a MAC that is chosen.
type lamp struct {
	Channels []string `json:"channels,omitempty"`
}

func (*lamp) Kind() model.Kind                    { return kindLamp }
func (*lamp) References(string) []model.Reference { return nil }
func (*lamp) Validate(*model.Checker)             {}
func (*lamp) ValidateRefs(*model.RefChecker)      {}

func channel(name string) etcdschema.Key { return etcdschema.ParseKey("claim/lamp/" + name) }

func lampID(name string) model.ID { return model.ID{Project: "alpha", Kind: kindLamp, Name: name} }

// bench is an etcd in memory, a claimer, and a clock.
type bench struct {
	t        *testing.T
	cache    *cache.Cache
	claimer  Claimer
	settings Settings
	revision int64
	now      time.Time
	later    []cache.Work
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), revision: 1}
	b.cache = cache.New(cache.Kinds{Objects: []cache.ObjectKind{
		{KindInfo: model.KindInfo{Kind: kindLamp, New: func() model.Spec { return &lamp{} }}},
	}})
	uids, random := 0, uint64(0)
	b.settings = Settings{
		MACPrefix: DefaultMACPrefix(), Now: func() time.Time { return b.now },
		NewUID: func() string { uids++; return fmt.Sprintf("uid-%d", uids) },
		Random: func() uint64 { random++; return random },
	}
	b.claimer = Claimer{Cache: b.cache, Settings: &b.settings, Later: func(u cache.Work) { b.later = append(b.later, u) },
		Kinds: map[model.Kind]ObjectKind{kindLamp: {Claims: claimLamp}}}
	return b
}

func claimLamp(a *Allocation) {
	for i, name := range a.Object().Spec.(*lamp).Channels {
		field := fmt.Sprintf("spec.channels[%d]", i)
		if name == "" {
			if !a.ChooseMAC() {
				a.Pending(field, a.NoFreeMAC())
			}
			continue
		}
		a.Claim(field, channel(name), "channel "+name)
	}
}

// declare writes an intent as etcd would have it. Without channels it deletes the intent.
func (b *bench) declare(name string, channels ...string) {
	b.revision++
	k := etcdschema.Intent(lampID(name))
	if channels == nil {
		b.cache.Set(k, nil)
		return
	}
	born := b.revision
	if e := b.cache.Entry(k); e != nil {
		born = e.CreateRevision
	}
	spec := fmt.Sprintf(`{"spec":{"channels":["%s"]}}`, strings.Join(channels, `","`))
	b.cache.Set(k, &cache.Entry{Data: []byte(spec), ModRevision: b.revision, CreateRevision: born})
}

// advance accepts an object, or removes it, and commits the transaction.
func (b *bench) advance(name string) (*etcdschema.Accepted, *Condition) {
	b.t.Helper()
	id := lampID(name)
	tx, acc := b.cache.Begin(), b.cache.Accepted(id)
	var cond *Condition
	var err error
	if in := b.cache.Intent(id); in != nil {
		acc, cond, err = b.claimer.Advance(tx, b.cache.Reader(), in, acc)
	} else {
		err = b.claimer.Remove(tx, b.cache.Reader(), acc)
		acc = nil
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.revision++
	tx.Confirm(b.revision)
	return acc, cond
}

// owner is the owner of a claim with its state: "uid-1 bound".
func (b *bench) owner(k etcdschema.Key) string {
	cl, ok := b.cache.Claim(k)
	if !ok {
		return ""
	}
	return cl.Owner + " " + string(cl.State)
}

// A value that a spec names belongs to one object. Whoever comes second is invalid, and told who has it, until it is released.
func TestAValueHasOneOwner(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.declare("a", "1", "2")
	b.declare("b", "2")
	first, _ := b.advance("a")
	if _, cond := b.advance("b"); cond.Phase != etcdschema.PhaseInvalid || cond.Reasons[0].Field != "spec.channels[0]" ||
		!strings.Contains(cond.Reasons[0].Message, "belongs to Lamp alpha/a already") {
		t.Errorf("the second is %+v", cond)
	}
	if got := b.owner(channel("2")); got != first.UID+" bound" {
		t.Errorf("channel 2 belongs to %s", got)
	}
	b.declare("a", "1")
	b.advance("a")
	if got := b.owner(channel("2")); got != "" {
		t.Errorf("the first does not want channel 2 any more, and it belongs to %s", got)
	}
	if second, cond := b.advance("b"); !cond.Good() || b.owner(channel("2")) != second.UID+" bound" {
		t.Errorf("channel 2 is free, and the second is %+v", cond)
	}
}

// An object that wants a value twice is invalid, and keeps nothing of it.
func TestAValueIsNotWantedTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.declare("a", "1", "1")
	if acc, cond := b.advance("a"); acc != nil || cond.Phase != etcdschema.PhaseInvalid || b.owner(channel("1")) != "" {
		t.Errorf("it is %+v, accepted %+v, and channel 1 belongs to %q", cond, acc, b.owner(channel("1")))
	}
}

// While a newer intent is not valid, the object stays as it was accepted, with its claims.
func TestAnInvalidIntentTakesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.declare("a", "1")
	b.declare("b", "2")
	was, _ := b.advance("a")
	b.advance("b")
	b.declare("a", "3", "2")
	now, cond := b.advance("a")
	if cond.Good() || now.UID != was.UID || now.Object.Spec.(*lamp).Channels[0] != "1" {
		t.Errorf("it is %+v, accepted %+v", cond, now)
	}
	if b.owner(channel("1")) != was.UID+" bound" || b.owner(channel("3")) != "" {
		t.Errorf("channel 1 belongs to %q, channel 3 to %q", b.owner(channel("1")), b.owner(channel("3")))
	}
}

// A MAC that was chosen stays, and is held for a while after its object is gone: another object does not get it.
func TestAReleasedMACIsHeld(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.declare("a", "")
	first, _ := b.advance("a")
	mac := etcdschema.MACClaim(first.Allocated.MAC)
	if again, _ := b.advance("a"); again.Allocated.MAC != first.Allocated.MAC {
		t.Errorf("it had %s and has %s", first.Allocated.MAC, again.Allocated.MAC)
	}
	b.declare("a")
	b.advance("a")
	if got := b.owner(mac); got != first.UID+" held" {
		t.Errorf("the MAC belongs to %q", got)
	}
	b.settings.Random = func() uint64 { return 1 } // always the MAC of the first
	b.declare("b", "")
	if _, cond := b.advance("b"); cond.Phase != etcdschema.PhasePending {
		t.Errorf("another object is %+v", cond)
	}
}

// The claims of a name that was deleted and declared again go over to the new incarnation in one transaction.
func TestAnotherIncarnationTakesOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.declare("a", "1", "2")
	was, _ := b.advance("a")
	b.declare("a")
	b.declare("a", "1")
	now, cond := b.advance("a")
	if !cond.Good() || now.UID == was.UID || b.owner(channel("1")) != now.UID+" bound" || b.owner(channel("2")) != "" {
		t.Errorf("%+v %+v, channel 1 belongs to %q, channel 2 to %q", now, cond, b.owner(channel("1")), b.owner(channel("2")))
	}
}

// What has no room in a transaction is left to later ones.
func TestManyClaimsAreReleasedInParts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var many []string
	for i := range 2*releaseShare + 1 {
		many = append(many, fmt.Sprint(i))
	}
	b.declare("a", many...)
	acc, _ := b.advance("a")
	b.declare("a")
	b.advance("a")
	for n := 1; len(b.cache.Owned(acc.UID)) > 0; n++ {
		if n > 3 || len(b.later) != n || b.later[n-1] != cache.OrphanWork(acc.UID) {
			t.Fatalf("after %d transactions %d claims are left, for later are %v", n, len(b.cache.Owned(acc.UID)), b.later)
		}
		tx := b.cache.Begin()
		if err := b.claimer.ReleaseOwner(tx, acc.UID); err != nil {
			t.Fatal(err)
		}
		b.revision++
		tx.Confirm(b.revision)
	}
}
