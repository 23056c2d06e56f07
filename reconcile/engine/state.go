package engine

import (
	"fmt"
	"time"
)

// etcdSilent is how long etcd may be silent before the state says so. It is several progress intervals of the follower.
const etcdSilent = 30 * time.Second

// State says in one line what the node does or waits for, for the person who starts it. It may be called from any goroutine.
func (e *Engine) State() string {
	if s := e.state.Load(); s != nil {
		return *s
	}
	return "starting"
}

// noteState updates State.
func (e *Engine) noteState(now time.Time) {
	state := "follows etcd"
	switch held := e.config.held(now); {
	case !e.wasReady:
		state = "waits: " + e.incomplete()
	case held != "":
		state = "holds its last good state: " + held
	case !e.config.synced:
		state = "etcd has not answered yet: works from the last good state on disk"
	case e.config.head == nil:
		state = fmt.Sprintf("follows etcd, which holds nothing for node %s: is there a Host of that name?", e.c.Node)
	case e.cacheAge(now) > etcdSilent:
		state = fmt.Sprintf("etcd has been silent for over %s: works from what it knows", etcdSilent)
	}
	if state != e.State() {
		e.state.Store(&state)
	}
}
