package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"weft/hostnet/object"
	"weft/model"
	"weft/model/desired"
)

// happening is one action of people, controllers, the host or strangers. Its numbers choose what it concerns.
type happening struct{ what, a, b int }

const (
	putPort = iota
	putStandby
	dropPort
	putNetwork
	putRouter
	dropRouter
	putFloating
	dropFloating
	putNeighbors
	putExternal
	dropExternal
	plug
	unplug
	plugOVS
	damage
	damageSilently
	alien
	worst
	failCall
	failKey
	outage
	comeBack
	restart
	late
	passTime
	happenings
)

// TestAnySequenceConverges checks that whatever happens, the host is in the end what the node config says, a second plan is empty, and a
// restart after that writes nothing.
func TestAnySequenceConverges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		sequence := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) happening {
			return happening{rapid.IntRange(0, happenings-1).Draw(r, "what"), rapid.IntRange(1, 5).Draw(r, "a"), rapid.IntRange(0, 30).Draw(r, "b")}
		}), 1, 25).Draw(r, "sequence")
		on, why := rapid.SampledFrom(backends).Draw(r, "backend"), ""
		synctest.Test(t, func(t *testing.T) { why = play(t, on, sequence) })
		if why != "" {
			r.Fatal(why)
		}
	})
}

func play(t *testing.T, on model.Driver, sequence []happening) string {
	b := newTestbed(t, on)
	b.config.SweepInterval = 10 * time.Second
	b.etcd.put(b.hostItem(), networkItem(1), networkItem(2))
	b.start()
	for _, h := range sequence {
		b.happen(h)
		synctest.Wait()
	}
	b.etcd.outage(false)
	b.host.GiveOFPorts()
	b.settle(time.Minute)
	if why := b.difference(); why != "" {
		return why
	}
	before := b.writes()
	b.restart()
	b.settle(10 * time.Second)
	if got := b.writes() - before; got != 0 {
		return fmt.Sprintf("%d writes by a restart with nothing to do", got)
	}
	return b.difference()
}

func (b *testbed) happen(h happening) {
	device := fmt.Sprint("tap", h.a)
	switch h.what {
	case putPort:
		p := portItem(h.a, 1+h.b%2)
		if h.b > 1 {
			p.Limits = limitedPort(h.a, uint32(1000*h.b), uint32(2000*h.b)).Limits
		}
		b.etcd.put(p)
	case putStandby:
		p := portItem(h.a, 1)
		p.State = desired.StateStandby
		b.etcd.put(p)
	case dropPort:
		b.etcd.drop(portKey(h.a))
	case putNetwork:
		n := networkItem(1 + h.a%2)
		n.MTU = 1400 + h.b
		b.etcd.put(n)
	case putRouter, dropRouter, putFloating, dropFloating, putNeighbors, putExternal, dropExternal:
		b.route(h)
	case plug:
		b.host.Plug(device)
	case unplug:
		b.host.Unplug(device)
	case plugOVS:
		b.host.PlugOVS("br-int", fmt.Sprint("vnet", h.a), portUID(h.a))
	case damage, damageSilently, failKey:
		b.happenTo(h)
	case alien:
		b.host.Alter(b.alien(h.b))
	case worst:
		b.worst()
	case failCall:
		b.host.FailCall(1+h.b%8, errors.New("injected"))
	case outage:
		b.etcd.outage(true)
	case comeBack:
		b.etcd.outage(false)
	case restart:
		b.restart()
	case late:
		b.host.LateOFPorts(true)
	case passTime:
		b.settle(time.Duration(h.b) * time.Second)
	}
}

// route is what happens to routers.
func (b *testbed) route(h happening) {
	switch h.what {
	case putRouter:
		b.etcd.put(routerItem(h.a%3), externalItem())
	case dropRouter:
		b.etcd.drop(routerItem(1).Key())
	case putFloating:
		b.etcd.put(floatingItem(h.a, 1+h.b%3))
	case dropFloating:
		b.etcd.drop(floatingItem(h.a, 1).Key())
	case putNeighbors:
		b.etcd.put(neighborsItem(1+h.a%2, h.b))
	case putExternal:
		b.etcd.put(externalItem())
	case dropExternal:
		b.etcd.drop(externalItem().Key())
	}
}

// happenTo damages one object, or makes its changes fail.
func (b *testbed) happenTo(h happening) {
	var keys []object.Key
	for k := range b.host.Objects() {
		if k.Kind != object.KindLink && k.Kind != object.KindQdisc {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return
	}
	slices.SortFunc(keys, func(a, b object.Key) int { return cmp.Or(a.Compare(b)) })
	k := keys[(h.a*31+h.b)%len(keys)]
	switch h.what {
	case damage:
		b.host.Damage(k)
	case damageSilently:
		b.host.AlterSilently(k, nil)
	case failKey:
		b.host.FailKey(k, errors.New("injected"), errors.New("injected again"))
	}
}
