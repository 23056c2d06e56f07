package announce

import "time"

// repetitions is how often an announcement is sent, and repetitionDelay is the time between. Together this is more than a second,
// for two reasons. A frame can be lost while the physical network still changes. And Linux keeps a neighbour entry that it has
// just learned for a second, whatever is announced (net.ipv4.neigh.*.locktime).
const (
	repetitions     = 4
	repetitionDelay = 450 * time.Millisecond
)

// item is one announcement and the time when it is due.
type item struct {
	entry *entry
	due   time.Time
}

// queue holds announcements by how often they were sent. Each row is ordered by due, because every row adds the same delay.
type queue [repetitions][]item

// add queues the first sending.
func (q *queue) add(e *entry, now time.Time) { q[0] = append(q[0], item{e, now}) }

// next takes the first due item of those that were sent least often, and queues its repetition. If none is due, it says how long
// until one is. 0 means that nothing waits.
func (q *queue) next(now time.Time) (e *entry, wait time.Duration) {
	for row := range q {
		if len(q[row]) == 0 {
			continue
		}
		first := q[row][0]
		if until := first.due.Sub(now); until > 0 {
			if wait == 0 || until < wait {
				wait = until
			}
			continue
		}
		q[row][0] = item{}
		q[row] = q[row][1:]
		if row+1 < repetitions {
			q[row+1] = append(q[row+1], item{first.entry, now.Add(repetitionDelay)})
		}
		return first.entry, 0
	}
	return nil, wait
}
