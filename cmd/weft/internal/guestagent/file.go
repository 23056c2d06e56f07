package guestagent

import (
	"context"
	"errors"
	"fmt"
)

// chunk is what is read or written by one command, in bytes.
const chunk = 48 << 10

// FileCommands are the commands that reading and writing files needs.
func FileCommands() []string {
	return []string{"guest-file-open", "guest-file-read", "guest-file-write", "guest-file-flush", "guest-file-close"}
}

// ErrTooLarge says that a file has more bytes than the caller wants.
var ErrTooLarge = errors.New("the file is too large")

// ReadFile reads a file of at most limit bytes. The agent follows links. If it cannot open the file, the error is an *Error of
// guest-file-open.
func (c *Client) ReadFile(ctx context.Context, path string, limit int) (data []byte, err error) {
	handle, err := c.open(ctx, path, "r")
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := c.close(ctx, handle); err == nil {
			err = closeErr
		}
	}()
	for {
		var got struct {
			Count int    `json:"count"`
			Data  []byte `json:"buf-b64"`
			EOF   bool   `json:"eof"`
		}
		if err := c.call(ctx, "guest-file-read", map[string]any{"handle": handle, "count": chunk}, &got); err != nil {
			return nil, err
		}
		if data = append(data, got.Data...); len(data) > limit {
			return nil, ErrTooLarge
		}
		switch {
		case got.EOF:
			return data, nil
		case len(got.Data) == 0:
			return nil, errors.New("guest-file-read: the guest agent has read nothing, and says that there is more")
		}
	}
}

// WriteFile replaces what is in a file. A file that is not there is made with mode 0666, whatever the umask (qga/commands-posix.c). If it
// fails in the middle, a part is written.
func (c *Client) WriteFile(ctx context.Context, path string, data []byte) (err error) {
	handle, err := c.open(ctx, path, "w")
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := c.close(ctx, handle); err == nil {
			err = closeErr
		}
	}()
	for len(data) > 0 {
		part := data[:min(len(data), chunk)]
		var put struct {
			Count int `json:"count"`
		}
		if err := c.call(ctx, "guest-file-write", map[string]any{"handle": handle, "buf-b64": part}, &put); err != nil {
			return err
		}
		if put.Count <= 0 || put.Count > len(part) {
			return fmt.Errorf("guest-file-write: the guest agent was given %d bytes, and says that it has written %d", len(part), put.Count)
		}
		data = data[put.Count:]
	}
	return c.call(ctx, "guest-file-flush", map[string]any{"handle": handle}, nil)
}

func (c *Client) open(ctx context.Context, path, mode string) (handle int64, err error) {
	err = c.call(ctx, "guest-file-open", map[string]any{"path": path, "mode": mode}, &handle)
	return handle, err
}

func (c *Client) close(ctx context.Context, handle int64) error {
	return c.call(ctx, "guest-file-close", map[string]any{"handle": handle}, nil)
}
