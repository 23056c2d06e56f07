package view

import (
	"fmt"
	"strings"
	"time"

	"weft/cmd/weft/internal/terminal"
	"weft/etcdschema"
	"weft/model"
	"weft/model/desired"
)

// rateLimitsFact are the limits that a router or a floating address declares; without text when there are none.
func rateLimitsFact(l model.RateLimits) Fact {
	var parts []string
	for _, one := range []struct {
		name  string
		limit *model.RateLimit
	}{{"egress (to outside)", l.Egress}, {"ingress (from outside)", l.Ingress}} {
		if one.limit == nil {
			continue
		}
		text := limitText(desired.RateLimit{RateKbps: uint32(one.limit.RateKbps), BurstKbit: uint32(one.limit.BurstKbit), PacketRate: uint32(one.limit.PacketRate)})
		parts = append(parts, one.name+" "+text)
	}
	return Fact{"limits", strings.Join(parts, "; ")}
}

// droppedLines are "dropped above the limit: egress-rate 12 packets (last 20s ago); ..."; none when nothing was dropped.
func droppedLines(list []etcdschema.RejectedFrames, now time.Time) []string {
	var parts []string
	for _, r := range list[:min(len(list), etcdschema.MaxRejected)] {
		parts = append(parts, fmt.Sprintf("%s %d packets (last %s ago)", r.Reason, r.Frames, terminal.Age(now, r.Last)))
	}
	if len(parts) == 0 {
		return nil
	}
	return []string{"dropped above the limit: " + strings.Join(parts, "; ")}
}
