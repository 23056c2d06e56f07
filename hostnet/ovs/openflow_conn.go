package ovs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"weft/hostnet/ovs/openflow"
)

// How long the switch may take for its hello, and how long writing the answer to its probe may take.
const (
	helloTimeout = 5 * time.Second
	echoTimeout  = 5 * time.Second
)

// openflowConn is one OpenFlow 1.4 connection to a bridge's management socket. It is a service connection: the switch sends no
// packets and no status messages on it. A goroutine reads it until it is lost or closed. close waits for that goroutine.
type openflowConn struct {
	conn net.Conn
	gone chan struct{} // closed when the reader has ended

	writing sync.Mutex

	mu   sync.Mutex // of all below
	xid  uint32     // the last one used
	wait *exchange  // the exchange that is running
	err  error      // why the reader ended
}

// exchange is a request that waits for its answer. The messages before it are only answered if the switch refuses them.
type exchange struct {
	first, last uint32 // the ids of all messages that may be refused
	end         uint32 // the id whose answer ends it
	refused     error  // the first refusal
	refusedXID  uint32
	refusals    map[uint32]error  // all refusals by their ids, unless nil
	part        func(body []byte) // gets each part of a multipart reply to end, unless nil
	done        chan struct{}
}

// errOldProtocol says that the bridge does not speak OpenFlow 1.4 (its protocols do not list it).
var errOldProtocol = errors.New("the bridge does not offer OpenFlow 1.4")

// dialOpenflow connects and exchanges hellos. The error wraps errSwitchLost if nobody answers.
func dialOpenflow(ctx context.Context, socket string) (*openflowConn, error) {
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSwitchLost, err)
	}
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	c := &openflowConn{conn: conn, gone: make(chan struct{}), xid: 1}
	in := bufio.NewReader(conn)
	if err := c.greet(in); err != nil {
		conn.Close()
		return nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	go c.read(in)
	return c, nil
}

// greet exchanges hellos. The switch's hello is its first message.
func (c *openflowConn) greet(in io.Reader) error {
	if _, err := c.conn.Write(openflow.AppendHello(nil, c.xid)); err != nil {
		return fmt.Errorf("%w: %w", errSwitchLost, err)
	}
	h, body, err := readMessage(in)
	switch {
	case err != nil:
		return fmt.Errorf("%w: no greeting: %w", errSwitchLost, err)
	case h.Type != openflow.TypeHello || !openflow.HelloSpeaks(h.Version, body):
		return errOldProtocol
	}
	return nil
}

func readMessage(in io.Reader) (h openflow.Header, body []byte, err error) {
	var head [openflow.HeaderLen]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return h, nil, err
	}
	if h, err = openflow.ParseHeader(head); err != nil {
		return h, nil, err
	}
	body = make([]byte, h.Length-openflow.HeaderLen)
	_, err = io.ReadFull(in, body)
	return h, body, err
}

// read receives messages until the connection ends. It drops messages that nobody waits for, so nothing piles up.
func (c *openflowConn) read(in io.Reader) {
	defer close(c.gone)
	defer c.conn.Close()
	for {
		h, body, err := readMessage(in)
		if err == nil && h.Type == openflow.TypeEchoRequest {
			err = c.write(time.Now().Add(echoTimeout), openflow.AppendMessage(nil, openflow.TypeEchoReply, h.XID, body))
		} else if err == nil {
			c.answer(h, body)
		}
		if err != nil {
			c.mu.Lock()
			c.err = err
			c.mu.Unlock()
			return
		}
	}
}

// answer passes a message to the exchange that it belongs to.
func (c *openflowConn) answer(h openflow.Header, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.wait
	if x == nil {
		return
	}
	if h.Type == openflow.TypeError && h.XID >= x.first && h.XID <= x.last {
		x.refuse(h.XID, body)
	}
	if h.XID == x.end && h.Type == openflow.TypeMultipartReply && x.part != nil {
		if x.part(body); openflow.MultipartContinues(body) {
			return
		}
	}
	if h.XID == x.end {
		c.wait = nil
		close(x.done)
	}
}

// refuse notes the switch's error for one message.
func (x *exchange) refuse(xid uint32, body []byte) {
	refusal, err := openflow.ParseRefusal(body)
	if err == nil {
		err = refusal
	}
	if x.refused == nil {
		x.refused, x.refusedXID = err, xid
	}
	if x.refusals != nil {
		x.refusals[xid] = err
	}
}

// write sends everything before the deadline. After an error the connection cannot be used any more.
func (c *openflowConn) write(deadline time.Time, b []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	_, err := c.conn.Write(b)
	return err
}

// exchange sends the bytes and waits until x.end is answered. x.refused is then complete. After an error the connection is
// closed, because it is unknown what the switch has done.
func (c *openflowConn) exchange(ctx context.Context, b []byte, x *exchange) error {
	x.done = make(chan struct{})
	c.mu.Lock()
	c.wait = x
	c.mu.Unlock()
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(commandTimeout)
	}
	if err := c.write(deadline, b); err != nil {
		c.close()
		return fmt.Errorf("%w: %w", errSwitchLost, err)
	}
	select {
	case <-x.done:
		return nil
	case <-ctx.Done():
		c.close()
		return fmt.Errorf("the switch does not answer: %w", ctx.Err())
	case <-c.gone:
	}
	select {
	case <-x.done: // it was answered before the connection ended
		return nil
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Errorf("%w: %w", errSwitchLost, c.err)
}

// ids reserves n consecutive message ids and returns the first.
func (c *openflowConn) ids(n int) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.xid+uint32(n) < c.xid {
		c.xid = 1
	}
	first := c.xid + 1
	c.xid += uint32(n)
	return first
}

// lost says whether the connection has ended.
func (c *openflowConn) lost() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}

// close ends the connection and waits for its reader.
func (c *openflowConn) close() {
	c.conn.Close()
	<-c.gone
}
