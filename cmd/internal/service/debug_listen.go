package service

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// listenDebug opens a debug listener: "unix:PATH", with a socket that only its owner may use, or a loopback address with port.
// It refuses anything else, because the listener tells everything about the guests and authenticates nobody. It returns nil for an empty
// address.
func listenDebug(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		l, err := listenSocket(path)
		if err != nil {
			return nil, fmt.Errorf("debug listener: %w", err)
		}
		return l, nil
	}
	at := strings.TrimPrefix(address, "tcp:")
	host, port, err := net.SplitHostPort(at)
	if host == "localhost" { // whatever the name resolves to
		at = net.JoinHostPort("127.0.0.1", port)
	}
	to, parseErr := netip.ParseAddrPort(at)
	if err != nil || parseErr != nil || !to.Addr().IsLoopback() {
		return nil, fmt.Errorf("debug listener %q: expected unix:PATH or a loopback address with port, such as 127.0.0.1:9090", address)
	}
	return net.Listen("tcp", to.String())
}

// listenSocket listens on a unix socket of mode 0600. It replaces a socket on which nobody listens any more.
func listenSocket(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if err := clearSocket(path); err != nil {
		return nil, err
	}
	// The socket is created under a name that nobody knows and then renamed, so that it never has another mode under its final name.
	dir, err := os.MkdirTemp(filepath.Dir(path), ".listen-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	hidden := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: hidden, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(hidden, 0o600), os.Rename(hidden, path)); err != nil {
		l.Close()
		return nil, err
	}
	return &namedListener{l, path}, nil
}

// clearSocket frees the name. It fails if something would be lost: the name may be free, or a socket on which nobody listens.
func clearSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&os.ModeSocket == 0:
		return fmt.Errorf("%s is there and is no socket: it is left alone, name another path", path)
	}
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		conn.Close()
		return fmt.Errorf("%s: another process listens there already: stop it, or name another address", path)
	}
	return os.Remove(path)
}

// namedListener removes the socket's name when it is closed.
type namedListener struct {
	net.Listener
	path string
}

// Close implements net.Listener.
func (l *namedListener) Close() error { return errors.Join(os.Remove(l.path), l.Listener.Close()) }
