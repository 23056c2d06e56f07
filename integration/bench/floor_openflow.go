package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
	"weft/model"
)

// rawSwitch is one open OpenFlow 1.4 connection to a bridge. It measures the least time of a flow change in the switch's present state.
// It sends a whole bundle with its commit in one write, and expects that nothing is refused.
type rawSwitch struct {
	conn net.Conn
	in   *bufio.Reader
	xid  uint32
}

// openSwitch connects and does the handshake.
func openSwitch(ctx context.Context, rundir, bridge string) (*rawSwitch, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", rundir+"/"+bridge+".mgmt")
	if err != nil {
		return nil, err
	}
	s := &rawSwitch{conn: conn, in: bufio.NewReader(conn)}
	_ = conn.SetDeadline(time.Now().Add(rawTimeout))
	if _, err := conn.Write(openflow.AppendHello(nil, s.next())); err != nil {
		conn.Close()
		return nil, err
	}
	h, body, err := s.read()
	if err != nil || h.Type != openflow.TypeHello || !openflow.HelloSpeaks(h.Version, body) {
		conn.Close()
		return nil, errors.Join(err, fmt.Errorf("bridge %s does not greet in OpenFlow 1.4", bridge))
	}
	return s, nil
}

const rawTimeout = 30 * time.Second

func (s *rawSwitch) close() { s.conn.Close() }

func (s *rawSwitch) next() uint32 {
	s.xid++
	return s.xid
}

func (s *rawSwitch) read() (h openflow.Header, body []byte, err error) {
	var head [openflow.HeaderLen]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return h, nil, err
	}
	if h, err = openflow.ParseHeader(head); err != nil {
		return h, nil, err
	}
	body = make([]byte, h.Length-openflow.HeaderLen)
	_, err = io.ReadFull(s.in, body)
	return h, body, err
}

// bundle sends the modifications and their commit, and waits until the switch has answered the commit.
func (s *rawSwitch) bundle(mods []openflow.FlowMod) error {
	b := openflow.AppendBundleControl(nil, s.next(), openflow.BundleOpen)
	for _, m := range mods {
		var err error
		if b, err = openflow.AppendBundleAdd(b, s.next(), m); err != nil {
			return err
		}
	}
	commit := s.next()
	b = openflow.AppendBundleControl(b, commit, openflow.BundleCommit)
	_ = s.conn.SetDeadline(time.Now().Add(rawTimeout))
	if _, err := s.conn.Write(b); err != nil {
		return err
	}
	for {
		h, body, err := s.read()
		switch {
		case err != nil:
			return err
		case h.Type == openflow.TypeError:
			refusal, err := openflow.ParseRefusal(body)
			return fmt.Errorf("raw bundle: %w", errors.Join(refusal, err))
		case h.Type == openflow.TypeEchoRequest:
			if _, err := s.conn.Write(openflow.AppendMessage(nil, openflow.TypeEchoReply, h.XID, body)); err != nil {
				return err
			}
		case h.XID == commit:
			return nil
		}
	}
}

// rawFlows are n flows like those of a guest, in a table that is not Weft's.
func rawFlows(n int, command openflow.Command) []openflow.FlowMod {
	mods := make([]openflow.FlowMod, n)
	for i := range mods {
		source := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 250, byte(i >> 8), byte(i)}), 32)
		mods[i] = openflow.FlowMod{Command: command, Cookie: rawCookie, Flow: object.Flow{
			Table: foreignTables, Priority: 100, Match: object.Match{InPort: 1, EthType: 0x0800, IPSrc: source},
			Actions: []object.Action{object.Goto{Table: foreignTables + 1}},
		}}
	}
	return mods
}

// rawCookie is a cookie that Weft does not use. The floor's flows are removed by it.
const rawCookie = 0x1

// oneBundle measures the floor of a change of n flows in the host's present state: one bundle on an open connection.
func (c *cloud) oneBundle(ctx context.Context, n int) (time.Duration, error) {
	if err := c.settle(ctx); err != nil {
		return 0, err
	}
	s, err := openSwitch(ctx, c.host.OVS.Dir, model.DefaultBridge)
	if err != nil {
		return 0, err
	}
	defer s.close()
	start := time.Now()
	if err := s.bundle(rawFlows(n, openflow.Add)); err != nil {
		return 0, err
	}
	took := time.Since(start)
	return took, s.bundle(rawFlows(n, openflow.DeleteStrict))
}
