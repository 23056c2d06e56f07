package control

import (
	"slices"
	"time"

	"weft/etcdschema"
	"weft/model"
)

const (
	// statusPart is how much of the loop's time statuses take beside work that does not end: one part of so many.
	statusPart = 5
	// comparedPart is one of how many looks goes to statuses of which nobody waits for news.
	comparedPart = 8
)

// statusPace says when statuses are next looked at beside work that does not end: their part of the time is bounded, and they
// always get it.
type statusPace struct {
	at   time.Time // of the last look's end
	took time.Duration
}

func (s *statusPace) looked(start, end time.Time) { s.at, s.took = end, end.Sub(start) }

func (s *statusPace) due(now time.Time) bool {
	return now.Sub(s.at) >= max(statusDelay, (statusPart-1)*s.took)
}

// statusOf has the object's status looked at: soon, or, while everything is compared, when there is time.
func (p *planner) statusOf(id model.ID) {
	k := etcdschema.StatusKey(id)
	if p.queue.comparing {
		p.compareStatus(k)
	} else {
		p.lookAtStatus(k)
	}
}

func (p *planner) lookAtStatus(k etcdschema.Key) {
	p.status[k] = struct{}{}
	delete(p.compared, k)
}

func (p *planner) compareStatus(k etcdschema.Key) {
	if _, soon := p.status[k]; !soon {
		p.compared[k] = struct{}{}
	}
}

func (p *planner) dropStatus(k etcdschema.Key) {
	delete(p.status, k)
	delete(p.compared, k)
}

func (p *planner) statusesWait() bool { return len(p.status)+len(p.compared) > 0 }

// nextStatuses chooses what is looked at for one transaction: mostly statuses that there is news of, every comparedPart'th of the
// others. It is a random part: whoever floods intent delays others' statuses, but does not go first.
func (p *planner) nextStatuses() []etcdschema.Key {
	p.status, p.compared = renewed(p.status), renewed(p.compared)
	few := statusLook / comparedPart
	news := someKeys(p.status, max(statusLook-len(p.compared), statusLook-few))
	others := someKeys(p.compared, statusLook-len(news))
	keys := make([]etcdschema.Key, 0, len(news)+len(others))
	for len(news)+len(others) > 0 {
		n := min(len(news), comparedPart-1)
		keys, news = append(keys, news[:n]...), news[n:]
		n = min(len(others), 1)
		keys, others = append(keys, others[:n]...), others[n:]
	}
	return keys
}

func someKeys(of map[etcdschema.Key]struct{}, most int) []etcdschema.Key {
	keys := make([]etcdschema.Key, 0, min(most, len(of)))
	for k := range of {
		if len(keys) == most {
			break
		}
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}
