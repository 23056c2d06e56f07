package ovs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"weft/hostnet/ovs/openflow"
)

// portConn is one OpenFlow 1.0 connection to a bridge's management socket, for port configuration. Only one goroutine uses it.
type portConn struct {
	conn net.Conn
	in   *bufio.Reader
	xid  uint32
	on   func(openflow.PortReason, openflow.Port) // gets port status messages; nil if nobody listens
}

// dialPorts connects and exchanges hellos. The connection ends with ctx. The error wraps errSwitchLost if nobody answers.
func dialPorts(ctx context.Context, socket string) (c *portConn, closeConn func(), err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errSwitchLost, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	closeConn = func() { stop(); conn.Close() }
	c = &portConn{conn: conn, in: bufio.NewReader(conn), xid: 1}
	err = c.write(openflow.AppendMessage10(nil, openflow.TypeHello, c.xid, nil))
	if err == nil {
		var h openflow.Header
		if h, _, err = readMessage(c.in); err == nil && h.Type != openflow.TypeHello {
			err = fmt.Errorf("a message of type %d instead of a greeting", h.Type)
		}
	}
	if err != nil {
		closeConn()
		return nil, nil, fmt.Errorf("%w: no greeting: %w", errSwitchLost, err)
	}
	return c, closeConn, nil
}

func (c *portConn) write(b []byte) error {
	_, err := c.conn.Write(b)
	return err
}

// next reads one message. It handles echo requests and port status messages itself and returns the first other message.
func (c *portConn) next() (h openflow.Header, body []byte, err error) {
	for {
		h, body, err := readMessage(c.in)
		if err != nil {
			return h, nil, fmt.Errorf("%w: %w", errSwitchLost, err)
		}
		switch h.Type {
		case openflow.TypeEchoRequest:
			if err := c.write(openflow.AppendMessage10(nil, openflow.TypeEchoReply, h.XID, body)); err != nil {
				return h, nil, fmt.Errorf("%w: %w", errSwitchLost, err)
			}
		case openflow.TypePortStatus10:
			reason, port, err := openflow.ParsePortStatus(body)
			if err != nil {
				return h, nil, err
			}
			if c.on != nil {
				c.on(reason, port)
			}
		default:
			return h, body, nil
		}
	}
}

// ask sends orders and then a question. It returns the parts of the answer. Orders are only answered if they are refused.
func (c *portConn) ask(b []byte, question, answer openflow.Type, part func(body []byte) (more bool, err error)) error {
	if question == openflow.TypeStatsRequest10 {
		b = openflow.AppendPortsRequest(b, c.xid)
	} else {
		b = openflow.AppendMessage10(b, question, c.xid, nil)
	}
	if err := c.write(b); err != nil {
		return fmt.Errorf("%w: %w", errSwitchLost, err)
	}
	var refused error
	for {
		h, body, err := c.next()
		switch {
		case err != nil:
			return err
		case h.Type == openflow.TypeError:
			refusal, err := openflow.ParseRefusal(body)
			if err == nil {
				err = refusal
			}
			refused = errors.Join(refused, err)
			if h.XID == c.xid { // the question itself
				return refused
			}
		case h.Type == answer && h.XID == c.xid:
			more, err := part(body)
			if err != nil || !more {
				return errors.Join(refused, err)
			}
		}
	}
}

// ports asks for all ports. The orders are sent before.
func (c *portConn) ports(orders []byte) (all []openflow.Port, err error) {
	c.xid++
	err = c.ask(orders, openflow.TypeStatsRequest10, openflow.TypeStatsReply10, func(body []byte) (bool, error) {
		some, more, err := openflow.ParsePorts(body)
		all = append(all, some...)
		return more, err
	})
	return all, err
}

// flags are the flags of the switch. The fragment mode is one of them.
func (c *portConn) flags() (flags uint16, err error) {
	c.xid++
	err = c.ask(nil, openflow.TypeGetConfigRequest10, openflow.TypeGetConfigReply10, func(body []byte) (bool, error) {
		flags, err = openflow.ParseSwitchConfig(body)
		return false, err
	})
	return flags, err
}

// ports implements flowTransport.
func (d *direct) ports(ctx context.Context, bridge string, clear map[uint16]bool) ([]openflow.Port, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	c, closeConn, err := dialPorts(ctx, d.socket(bridge))
	if err != nil {
		return nil, err
	}
	defer closeConn()
	all, err := c.ports(nil)
	if err != nil || len(clear) == 0 {
		return all, err
	}
	var orders []byte
	for _, p := range all { // with their current MACs
		if clear[p.Number] {
			orders = openflow.AppendPortMod(orders, 0, p)
		}
	}
	return c.ports(orders)
}

// monitorPorts implements flowTransport.
func (d *direct) monitorPorts(ctx context.Context, bridge string, base func([]openflow.Port), on func(openflow.PortReason, openflow.Port)) error {
	c, closeConn, err := dialPorts(ctx, d.socket(bridge))
	if err != nil {
		return err
	}
	defer closeConn()
	if err := d.hearPorts(c); err != nil {
		return err
	}
	all, err := c.ports(nil) // it includes what was reported before the answer
	if err != nil {
		return err
	}
	base(all)
	c.on = on
	for {
		if _, _, err := c.next(); err != nil {
			return err
		}
	}
}

// hearPorts makes the switch send port status messages. The same message sets the flags, so they are read before. The lock keeps
// others from setting them meanwhile.
func (d *direct) hearPorts(c *portConn) error {
	d.configuring.Lock()
	defer d.configuring.Unlock()
	flags, err := c.flags()
	if err != nil {
		return err
	}
	if err := c.write(openflow.AppendHearPorts(nil, c.xid, flags)); err != nil {
		return fmt.Errorf("%w: %w", errSwitchLost, err)
	}
	_, err = c.flags() // answered when the request before it is done
	return err
}

// setFragments implements flowTransport.
func (d *direct) setFragments(ctx context.Context, bridge, mode string) error {
	d.configuring.Lock()
	defer d.configuring.Unlock()
	return d.ofctl.setFragments(ctx, bridge, mode)
}
