// Package guestagent speaks with the QEMU guest agent of a virtual machine (qemu-ga-ref(7)): JSON lines over the UNIX socket that is the
// host's end of a virtio-serial port.
//
// Invariants:
//   - The guest is hostile. Each answer is bounded in size and time, and lists in their count. What the guest says is a claim.
//   - Texts of the guest in errors are short, in one line, and without characters that control a terminal.
//   - Answers that an earlier client left behind are skipped. Answers that nobody asked for are an error.
//   - There is one exchange at a time. After one that failed in the middle, nothing more is sent.
package guestagent

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

const (
	// exchangeLimit bounds one command and its answer. An agent needs milliseconds.
	exchangeLimit = 10 * time.Second
	// maxSocket is the length of the longest path of a socket in bytes (unix(7)).
	maxSocket = 107
)

// Client is a connection to one guest's agent. It is for one goroutine.
type Client struct {
	conn    net.Conn
	read    *bufio.Reader
	limit   time.Duration // of one exchange
	failed  error         // not nil: the connection is of no more use
	enabled map[string]bool
}

// Dial connects to the agent behind a UNIX socket, skips what earlier clients have left, and asks which commands it carries out. The caller
// closes the client.
func Dial(ctx context.Context, socket string) (*Client, error) {
	return dial(ctx, socket, exchangeLimit)
}

func dial(ctx context.Context, socket string, limit time.Duration) (*Client, error) {
	if len(socket) > maxSocket {
		return nil, fmt.Errorf("the socket's path has %d bytes, more than %d: use a shorter one, such as a relative path or a link", len(socket), maxSocket)
	}
	connect, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(connect, "unix", socket)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("there is no such socket: name the one of the guest's virtio-serial port org.qemu.guest_agent.0")
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, errors.New("nothing listens on the socket: does the guest run?")
	case err != nil:
		return nil, fmt.Errorf("connect: %w", withoutContext(err))
	}
	c := &Client{conn: conn, read: bufio.NewReader(conn), limit: limit}
	if err := c.begin(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// begin brings the stream into step, and asks for the commands.
func (c *Client) begin(ctx context.Context) error {
	id := syncID()
	err := c.exchange(ctx, "guest-sync-delimited", func() error {
		// The sentinel lets the agent forget half of a command that an earlier client has sent.
		if err := c.send([]byte{sentinel}, request{"guest-sync-delimited", map[string]any{"id": id}}); err != nil {
			return err
		}
		return skipTo(c.read, id)
	})
	if err != nil {
		return fmt.Errorf("%w; does qemu-guest-agent run in the guest, and does nobody else (libvirt) use the socket?", err)
	}
	return c.info(ctx)
}

// syncID is a number that no earlier client has used. It fits into the integers that every JSON reader keeps exact.
func syncID() int64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return int64(binary.NativeEndian.Uint64(b[:]) >> 12)
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// request is a command as the agent reads it. It has no "id" as QMP's may have, because agents before QEMU 3.0 refuse one.
type request struct {
	Execute   string `json:"execute"`
	Arguments any    `json:"arguments,omitempty"`
}

// call sends a command and decodes what it returns. A refusal is an *Error.
func (c *Client) call(ctx context.Context, command string, arguments, result any) error {
	var line []byte
	err := c.exchange(ctx, command, func() (err error) {
		if c.read.Buffered() > 0 {
			return errors.New("the guest agent has answered more than it was asked")
		}
		if err := c.send(nil, request{command, arguments}); err != nil {
			return err
		}
		line, err = readLine(c.read)
		return err
	})
	if err != nil {
		return err
	}
	value, err := parse(command, line)
	if err != nil || result == nil {
		return err
	}
	if err := json.Unmarshal(value, result); err != nil {
		return fmt.Errorf("%s: the guest agent's answer is not what the protocol says: %s", command, said(err.Error()))
	}
	return nil
}

// exchange does one exchange within its time.
func (c *Client) exchange(ctx context.Context, command string, do func() error) error {
	if c.failed != nil {
		return c.failed
	}
	if err := ctx.Err(); err != nil {
		return ended(ctx)
	}
	c.conn.SetDeadline(time.Now().Add(c.limit)) // fails only if the connection is closed, and then so does do
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })
	err := do()
	stop()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		err = ended(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("%s: no answer from the guest agent within %v", command, c.limit)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		err = fmt.Errorf("%s: the connection to the guest agent has ended", command)
	default:
		err = fmt.Errorf("%s: %w", command, err)
	}
	c.failed = err
	return err
}

// ended says why the context has ended, and not as an error of a context, which callers may take for another one's.
func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return errors.New("the guest agent took too long altogether")
}

// withoutContext keeps a deadline of the connection from being taken for another one's.
func withoutContext(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("nobody has taken the connection")
	}
	return err
}

func (c *Client) send(prefix []byte, r request) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = c.conn.Write(append(append(prefix, text...), '\n'))
	return err
}
