package terminal

import (
	"fmt"
	"time"
)

// Age is how long before now the time was, to the second or, for longer ages, the minute or the day: "3m0s", "2h5m0s", "3d". It is empty
// for no time.
func Age(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	d := now.Sub(t)
	switch {
	case d < 0:
		return "0s"
	case d < time.Hour:
		return d.Round(time.Second).String()
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return d.Round(time.Minute).String()
}

// Since writes " since 2006-01-02T15:04:05Z (3m0s)", or nothing for no time.
func Since(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf(" since %s (%s)", t.UTC().Format(time.RFC3339), Age(now, t))
}
