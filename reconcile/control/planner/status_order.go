package planner

import (
	"slices"

	"weft/etcdschema"
	"weft/model"
	"weft/reconcile/control/cache"
)

const (
	// comparedPart: one in comparedPart of the evaluated statuses is one that is only compared.
	comparedPart = 8
	// statusLook bounds how many waiting statuses are evaluated for one transaction.
	statusLook = 360
)

// StatusChanged queues the object's status: as one that may have changed, or, while everything is compared, as one that is only
// compared (see schedule).
func (p *Planner) StatusChanged(id model.ID) {
	k := etcdschema.StatusKey(id)
	if p.Queue.comparing {
		p.compareStatus(k)
	} else {
		p.LookAtStatus(k)
	}
}

// LookAtStatus queues a status that may have changed.
func (p *Planner) LookAtStatus(k etcdschema.Key) {
	p.status[k] = struct{}{}
	delete(p.compared, k)
}

func (p *Planner) compareStatus(k etcdschema.Key) {
	if _, soon := p.status[k]; !soon {
		p.compared[k] = struct{}{}
	}
}

// DropStatus takes a status out of the queue, because it is evaluated now.
func (p *Planner) DropStatus(k etcdschema.Key) {
	delete(p.status, k)
	delete(p.compared, k)
}

// StatusesWait says that statuses are to be evaluated.
func (p *Planner) StatusesWait() bool { return len(p.status)+len(p.compared) > 0 }

// NextStatuses chooses the statuses to evaluate for one transaction: mostly those that may have changed, and one in comparedPart of
// those that are only compared. The choice is random. A flood of intents therefore delays other statuses, but does not come before
// them.
func (p *Planner) NextStatuses() []etcdschema.Key {
	p.status, p.compared = cache.Renewed(p.status), cache.Renewed(p.compared)
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
	slices.SortFunc(keys, etcdschema.Key.Compare)
	return keys
}

// StatusEncoded says how a status is written that holds no fields which this version does not know. When it comes back, it need not be
// read for that.
func (p *Planner) StatusEncoded(k etcdschema.Key, data []byte) { p.encoded[k] = data }
