package portsecurity

import (
	"context"

	"github.com/google/nftables"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

// The elements of set broadcast have limits. The library that writes all other elements cannot write these, so they have transactions of
// their own: a limit is there before its guest may send, and until the guest may not any more.

// elements are the elements of a set. limits has one for each in set broadcast, in the same order.
func (d *Driver) elements(ctx context.Context, name object.PortSecuritySet) (list []nftables.SetElement, limits []own.LimitElement, err error) {
	if name != object.PortSecurityBroadcast {
		list, err = d.conn.Elements(d.handle(string(name)))
		return list, nil, err
	}
	limits, err = d.conn.LimitElements(ctx, d.handle(string(name)))
	for _, l := range limits {
		list = append(list, nftables.SetElement{Key: l.Key, Comment: l.Comment})
	}
	return list, limits, err
}

// limitsOf are the changes of limits that deltas make. gone and come are carried out before the other elements of the deltas are changed, late
// after that.
func limitsOf(deltas []delta) (gone, come, late []own.LimitElement, err error) {
	for _, x := range deltas {
		var removed []own.LimitElement
		stays := false
		for _, m := range x.del {
			if m.Set == object.PortSecurityBroadcast {
				e, err := encodeLimit(x.name, m)
				if err != nil {
					return nil, nil, nil, err
				}
				removed = append(removed, e)
			}
		}
		for _, m := range x.add {
			if m.Set == object.PortSecurityBroadcast {
				e, err := encodeLimit(x.name, m)
				if err != nil {
					return nil, nil, nil, err
				}
				come, stays = append(come, e), true
			}
		}
		if stays {
			gone = append(gone, removed...)
		} else {
			late = append(late, removed...)
		}
	}
	return gone, come, late, nil
}

// encodeLimit writes an element of set broadcast.
func encodeLimit(name string, m object.PortSecurityElement) (own.LimitElement, error) {
	if m.Rate == 0 { // one that somebody else made without a limit, and that is removed
		m.Rate, m.Burst = 1, 1
	}
	e, err := encode(name, m)
	return own.LimitElement{Key: e.Key, Comment: e.Comment, Rate: m.Rate, Burst: m.Burst}, err
}
