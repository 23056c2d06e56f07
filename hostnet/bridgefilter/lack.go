package bridgefilter

import (
	"sync"

	"weft/hostnet/object"
)

// lack is why the host cannot filter ports. Ports with security groups are refused then, so that none of them is open. The rules are tried again, as
// anything that failed.
type lack struct {
	mu     sync.Mutex
	reason string
	notify func(object.Event)
}

func (l *lack) why() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reason
}

// tell says who hears of a change; nil for nobody.
func (l *lack) tell(notify func(object.Event)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notify = notify
}

// set records the reason; "" for none. When it changes, the facts are to be read again.
func (l *lack) set(reason string) {
	l.mu.Lock()
	changed, notify := l.reason != reason, l.notify
	l.reason = reason
	l.mu.Unlock()
	if changed && notify != nil {
		notify(object.Event{Resync: true})
	}
}
