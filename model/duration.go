package model

import (
	"fmt"
	"time"
)

// DefaultLeaseTime is the DHCP lease time of a network that declares none.
const DefaultLeaseTime = 24 * time.Hour

// Duration is a time.Duration in Go's text form ("1h30m"). The zero value is "not set".
type Duration struct{ time.Duration }

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a Go duration that is not negative.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%s is not a duration such as \"1h\" or \"90s\"", quote(string(text)))
	}
	d.Duration = v
	return nil
}
