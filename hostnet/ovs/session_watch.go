package ovs

import (
	"context"
	"time"
)

// keepSessions looks at the sessions whenever one of them changed or a waiting time ends, until ctx ends.
func (d *Driver) keepSessions(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if db := d.database(); db != nil {
			changed, again := d.sessions.look(db.read(), time.Now())
			if len(changed) > 0 {
				d.events.put(false, nil, changed...)
			}
			timer.Reset(time.Hour)
			if !again.IsZero() {
				timer.Reset(time.Until(again))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-d.sessions.wake:
		case <-d.events.sessions:
		}
	}
}
