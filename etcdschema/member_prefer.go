package etcdschema

import (
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// patience is how long an etcd member may take to answer before another one is asked the same.
const patience = time.Second

// members are the endpoints of one Client. All its connections use the same one. When another member has answered a request that
// this one did not, all connections switch to it at once. A Client begins with a random member, so that many clients share the
// load.
type members struct {
	endpoints []string
	log       *slog.Logger

	mu      sync.Mutex
	used    int
	streams map[*memberStream]struct{}
}

func newMembers(endpoints []string, log *slog.Logger) *members {
	return &members{
		endpoints: endpoints, log: log, used: rand.N(len(endpoints)), streams: map[*memberStream]struct{}{},
	}
}

// single says that there is no other member to ask.
func (m *members) single() bool { return len(m.endpoints) == 1 }

func (m *members) next(i int) int { return (i + 1) % len(m.endpoints) }

// current is the member in use.
func (m *members) current() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// move switches from one member to another, unless somebody else has switched already. Streams to the old member end. This is
// needed because a watch on a member that is cut off from its peers looks healthy and receives nothing.
func (m *members) move(from, to int, why error) {
	if from == to {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used != from {
		return
	}
	m.used = to
	for s := range m.streams {
		if s.member == from {
			s.leave()
		}
	}
	m.log.Info("an etcd member does not answer: using another", "member", m.endpoints[from], "used", m.endpoints[to], "error", why)
}

// leave switches away from a member that has failed.
func (m *members) leave(i int, why error) { m.move(i, m.next(i), why) }

// hold registers a stream, so that it ends when its member is left. It is registered until release.
func (m *members) hold(s *memberStream) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.member = m.used
	m.streams[s] = struct{}{}
}

func (m *members) release(s *memberStream) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.streams, s)
}
