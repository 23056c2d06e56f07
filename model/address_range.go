package model

import (
	"fmt"
	"strings"
)

// AddressRange is an inclusive range of addresses of one family, written "10.0.0.5" or "10.0.0.5-10.0.0.9". The zero value is "none".
type AddressRange struct{ First, Last Address }

// String writes the range in the form in which it is read.
func (r AddressRange) String() string {
	switch r {
	case AddressRange{}:
		return ""
	case AddressRange{r.First, r.First}:
		return r.First.String()
	}
	return r.First.String() + "-" + r.Last.String()
}

// MarshalText is String for encoders.
func (r AddressRange) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads one address or a range; empty text is the zero value.
func (r *AddressRange) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*r = AddressRange{}
		return nil
	}
	low, high, ranged := strings.Cut(string(text), "-")
	if !ranged {
		high = low
	}
	first, err := ParseAddress(low)
	if err != nil {
		return err
	}
	last, err := ParseAddress(high)
	switch {
	case err != nil:
		return err
	case first.Is4() != last.Is4():
		return fmt.Errorf("%s has addresses of both families: write one range for each", quote(string(text)))
	case last.Less(first.Addr):
		return fmt.Errorf("%s begins above its end: exchange them", quote(string(text)))
	}
	*r = AddressRange{first, last}
	return nil
}
