package compile

import (
	"fmt"

	"weft/model"
	"weft/model/desired"
)

// kind is what this package knows of one kind of item.
type kind struct {
	of   desired.Kind
	item Source
	// compile adds the item's objects to the unit. For an item that is not there it adds nothing.
	compile func(c compiler, b *Builder, uid string)
	// shares lists the groups in which the item is a member by its uid; none when the item is not there.
	shares func(c *desired.NodeConfig, uid string) []Read
}

// kinds lists all kinds.
func kinds() [6]kind {
	return [...]kind{
		{desired.KindHost, ReadHost, compileHost, func(*desired.NodeConfig, string) []Read { return nil }},
		{desired.KindNetwork, ReadNetwork, compiling((*Reader).Network, compiler.network), networkShares},
		{desired.KindPort, ReadPort, compiling((*Reader).Port, compiler.port), portShares},
		{desired.KindRouter, ReadRouter, compiling((*Reader).Router, compiler.router), routerShares},
		{desired.KindFloatingIP, ReadFloatingIP, compiling((*Reader).FloatingIP, compiler.floatingIP), floatingShares},
		{desired.KindNeighbors, ReadNeighbors, compiling((*Reader).Neighbors, compiler.neighbors), func(*desired.NodeConfig, string) []Read { return nil }},
	}
}

// kindOf finds a kind; false when this version does not know it.
func kindOf(of desired.Kind) (kind, bool) {
	for _, k := range kinds() {
		if k.of == of {
			return k, true
		}
	}
	return kind{}, false
}

// read is the read of the item by others. There is only one host, whatever its uid.
func (k kind) read(uid string) Read {
	if k.item == ReadHost {
		uid = ""
	}
	return Read{k.item, uid}
}

func compileHost(c compiler, b *Builder, uid string) {
	if h := c.declaredHost(); h != nil && h.UID == uid {
		c.host(b, h)
	}
}

// compiling compiles an item that is found by its uid.
func compiling[T any](find func(*Reader, string) *T, add func(compiler, *Builder, *T)) func(compiler, *Builder, string) {
	return func(c compiler, b *Builder, uid string) {
		if item := find(c.read, uid); item != nil {
			add(c, b, item)
		}
	}
}

func networkShares(c *desired.NodeConfig, uid string) []Read {
	n := c.Network(uid)
	if n == nil {
		return nil
	}
	shares := []Read{{GroupSegment, segmentName(n)}}
	if number, ok := NetworkNumber(uid); ok {
		shares = append(shares, Read{GroupNumber, numberName(number)})
	}
	if n.Gateway != nil {
		shares = append(shares, Read{GroupLegDevice, ExternalLegDevice(uid)})
	}
	return shares
}

func segmentName(n *desired.Network) string {
	return fmt.Sprintf("%s/%d", n.PhysicalNetwork, n.SegmentationID)
}

func numberName(number uint64) string { return fmt.Sprint(number) }

func portShares(c *desired.NodeConfig, uid string) []Read {
	p := c.Port(uid)
	if p == nil {
		return nil
	}
	return named([]Read{{GroupNetwork, p.Network}, {GroupDevice, p.Device}, {GroupInterfaceID, p.InterfaceID}, {GroupMAC, macName(p.Network, p.MAC)}})
}

func macName(network string, mac model.MAC) string { return network + "/" + string(mac[:]) }

func routerShares(c *desired.NodeConfig, uid string) []Read {
	r := c.Router(uid)
	if r == nil {
		return nil
	}
	shares := []Read{{GroupRouters, ""}}
	for _, leg := range r.Legs[:min(len(r.Legs), maxLegs)] {
		shares = append(shares, named([]Read{{GroupLeg, leg.Network}, {GroupLegDevice, LegDevice(uid, leg.Network)}})...)
	}
	shares = append(shares, named([]Read{{GroupExternal, r.External}})...)
	if r.Central != nil {
		shares = append(shares, named([]Read{{GroupWatch, r.Central.Watch}, {GroupLegDevice, CentralLegDevice(uid, r.External)}})...)
	}
	return shares
}

func floatingShares(c *desired.NodeConfig, uid string) []Read {
	f := c.FloatingIP(uid)
	if f == nil {
		return nil
	}
	return []Read{{GroupFloatingAddress, floatingName(f)}}
}

func floatingName(f *desired.FloatingIP) string { return f.Network + "/" + f.Address.String() }

// named leaves out groups without a name, because an empty name is not shared.
func named(shares []Read) []Read {
	out := shares[:0]
	for _, s := range shares {
		if s.Name != "" {
			out = append(out, s)
		}
	}
	return out
}
