package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// elementExpressions is NFTA_SET_ELEM_EXPRESSIONS, and setExpression is NFTA_SET_EXPR (linux/netfilter/nf_tables.h).
const (
	elementExpressions = 11
	setExpression      = 17
)

// Values of elements of rate sets that are no limits of ours.
const (
	unlimited    = "unlimited" // an element without a limit
	unknownLimit = "unknown"
)

// strangeRate is what is shown of a limit that Weft did not make so. It differs from every desired one, because a burst has a rate.
var strangeRate = object.RateLimit{Burst: math.MaxUint32}

// rateValue is the value of an element with the limit. The kernel shows an element's limits as they were sent.
func rateValue(l object.RateLimit) string {
	return fmt.Sprintf("%d %d %d %d", l.Rate, l.Burst, l.Packets, l.PacketBurst)
}

// readRate is the inverse of rateValue. It is strangeRate for any other text.
func readRate(value string) (l object.RateLimit) {
	_, err := fmt.Sscanf(value, "%d %d %d %d", &l.Rate, &l.Burst, &l.Packets, &l.PacketBurst)
	if err != nil || rateValue(l) != value || !l.Exists() || l.Fault() != "" {
		return strangeRate
	}
	return l
}

// rateElements are the elements of a limit, in both sets of its direction.
func rateElements(d direction, of, key string, l object.RateLimit) []element {
	if !l.Exists() {
		return nil
	}
	return []element{{d.rateSet(of), key, rateValue(l)}, {set: d.overSet(of), key: key}}
}

// routerRates are the elements of a router's limits.
func routerRates(t *object.NATTable) []element {
	key := outsideElement(t.Outside).key
	return append(rateElements(ingress, "", key, t.Rates.Ingress), rateElements(egress, "", key, t.Rates.Egress)...)
}

// floatingRates are the elements of a floating address in the rate sets: the value and, if there is one in the over set, true. The order
// is that of directions.
type floatingRates [2]struct {
	value string // "" without an element
	over  bool
}

func floatingRatesOf(l object.RateLimits) (r floatingRates) {
	for i, one := range []object.RateLimit{l.Ingress, l.Egress} {
		if one.Exists() {
			r[i].value, r[i].over = rateValue(one), true
		}
	}
	return r
}

// limits are what the elements limit.
func (r floatingRates) limits() object.RateLimits {
	var list [2]object.RateLimit
	for i, one := range r {
		switch {
		case one.over != (one.value != ""):
			list[i] = strangeRate
		case one.value != "":
			list[i] = readRate(one.value)
		}
	}
	return object.RateLimits{Ingress: list[0], Egress: list[1]}
}

// elements are those of a floating address.
func (r floatingRates) elements(floating netip.Addr) (all []element) {
	of, key := setsOf(floating).number(), addressBytes(floating)
	for i, d := range directions() {
		if r[i].value != "" {
			all = append(all, element{d.rateSet(of), key, r[i].value})
		}
		if r[i].over {
			all = append(all, element{set: d.overSet(of), key: key})
		}
	}
	return all
}

// addLimits appends the limits of an element's value as its expressions.
func addLimits(r *netlink.Request, value string) {
	l := readRate(value)
	var list []expr.Limit
	if l.Rate > 0 {
		list = append(list, expr.Limit{Type: expr.LimitTypePktBytes, Rate: l.Rate, Unit: expr.LimitTimeSecond, Burst: l.Burst})
	}
	if l.Packets > 0 {
		list = append(list, expr.Limit{Type: expr.LimitTypePkts, Rate: l.Packets, Unit: expr.LimitTimeSecond, Burst: l.PacketBurst})
	}
	nest(r, elementExpressions, func() {
		for _, limit := range list {
			b, err := expr.Marshal(unix.NFPROTO_INET, &limit)
			if err != nil {
				continue // numbers can always be encoded
			}
			r.Attr(unix.NFTA_LIST_ELEM|unix.NLA_F_NESTED, b...)
		}
	})
}

// readLimits is the value of an element with these expressions. A single one is not in a list.
func readLimits(kind uint16, data []byte) (string, error) {
	list := [][]byte{data}
	if kind == elementExpressions {
		list = nil
		if err := netlink.EachAttribute(data, 0, func(_ uint16, one []byte) { list = append(list, one) }); err != nil {
			return "", err
		}
	}
	var l object.RateLimit
	for _, one := range list {
		known, err := addLimit(&l, one)
		if err != nil || !known {
			return unknownLimit, err
		}
	}
	return rateValue(l), nil
}

// addLimit adds an expression to the limit. It is false for what no limit of ours has, or when there is already one of its kind.
func addLimit(l *object.RateLimit, expression []byte) (known bool, err error) {
	var name string
	var data []byte
	err = netlink.EachAttribute(expression, 0, func(kind uint16, b []byte) {
		switch kind {
		case unix.NFTA_EXPR_NAME:
			name = netlink.Text(b)
		case unix.NFTA_EXPR_DATA:
			data = b
		}
	})
	if err != nil || name != "limit" {
		return false, err
	}
	number := map[uint16]uint64{}
	err = netlink.EachAttribute(data, 0, func(kind uint16, b []byte) {
		switch len(b) {
		case 4:
			number[kind] = uint64(binary.BigEndian.Uint32(b))
		case 8:
			number[kind] = binary.BigEndian.Uint64(b)
		}
	})
	if err != nil {
		return false, errors.Join(errors.New("limit of an element"), err)
	}
	if number[unix.NFTA_LIMIT_UNIT] != uint64(expr.LimitTimeSecond) || number[unix.NFTA_LIMIT_FLAGS] != 0 {
		return false, nil
	}
	rate, burst := number[unix.NFTA_LIMIT_RATE], uint32(number[unix.NFTA_LIMIT_BURST])
	switch number[unix.NFTA_LIMIT_TYPE] {
	case uint64(expr.LimitTypePktBytes):
		known = l.Rate == 0
		l.Rate, l.Burst = rate, burst
	case uint64(expr.LimitTypePkts):
		known = l.Packets == 0
		l.Packets, l.PacketBurst = rate, burst
	}
	return known, nil
}

// checkRates refuses limits that the kernel cannot hold.
func checkRates(l object.RateLimits) error {
	for name, one := range map[string]object.RateLimit{"ingress": l.Ingress, "egress": l.Egress} {
		if why := one.Fault(); why != "" {
			return fmt.Errorf("%s limit: %s", name, why)
		}
	}
	return nil
}
