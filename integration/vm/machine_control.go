package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"
)

const controlTimeout = 10 * time.Second

// control is the socket on which QEMU takes commands (QEMU Machine Protocol).
func (m *Machine) control() string { return filepath.Join(m.dir, "qmp.sock") }

// Announce makes QEMU announce the guest on every card, as it does when a guest continues after a migration. It does so five times within
// about a second, and tells the guest's kernel to do the same.
func (m *Machine) Announce(ctx context.Context) error {
	return m.order(ctx, "announce-self", map[string]int{"initial": 50, "max": 550, "rounds": 5, "step": 100})
}

// order makes QEMU carry out one command.
func (m *Machine) order(ctx context.Context, command string, arguments any) error {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", m.control())
	if err != nil {
		return fmt.Errorf("vm: %s: %w", command, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	in, out := json.NewDecoder(conn), json.NewEncoder(conn)
	var greeting json.RawMessage
	if err := in.Decode(&greeting); err != nil {
		return fmt.Errorf("vm: %s: no greeting: %w", command, err)
	}
	for _, order := range []any{
		map[string]any{"execute": "qmp_capabilities"},
		map[string]any{"execute": command, "arguments": arguments},
	} {
		if err := out.Encode(order); err != nil {
			return fmt.Errorf("vm: %s: %w", command, err)
		}
		if err := answer(in); err != nil {
			return fmt.Errorf("vm: %s: %w", command, err)
		}
	}
	return nil
}

// answer reads until the answer to a command. Events may come before it.
func answer(in *json.Decoder) error {
	for {
		var a struct {
			Return json.RawMessage `json:"return"`
			Error  *struct {
				Description string `json:"desc"`
			} `json:"error"`
		}
		if err := in.Decode(&a); err != nil {
			return err
		}
		switch {
		case a.Error != nil:
			return errors.New(a.Error.Description)
		case a.Return != nil:
			return nil
		}
	}
}
