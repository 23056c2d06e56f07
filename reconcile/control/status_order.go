package control

import (
	"slices"
	"time"

	"weft/etcdschema"
	"weft/model"
)

const (
	// statusPart: statuses take one in statusPart of the loop's time while there is other work without end.
	statusPart = 5
	// comparedPart: one in comparedPart of the evaluated statuses is one that is only compared.
	comparedPart = 8
)

// statusPace decides when statuses are evaluated next while there is other work without end. Their share of the time is bounded,
// and they always get it.
type statusPace struct {
	at   time.Time // when the last evaluation ended
	took time.Duration
}

func (s *statusPace) looked(start, end time.Time) { s.at, s.took = end, end.Sub(start) }

func (s *statusPace) due(now time.Time) bool {
	return now.Sub(s.at) >= max(statusDelay, (statusPart-1)*s.took)
}

// statusOf queues the object's status: as one that may have changed, or, while everything is compared, as one that is only
// compared.
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

// nextStatuses chooses the statuses to evaluate for one transaction: mostly those that may have changed, and one in comparedPart of
// those that are only compared. The choice is random. A flood of intents therefore delays other statuses, but does not come before
// them.
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
