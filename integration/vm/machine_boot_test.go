package vm

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"weft/integration/vm/agent"
)

// TestAPanicAtBootIsNoticed: nobody waits for a kernel that has panicked.
func TestAPanicAtBootIsNoticed(t *testing.T) {
	t.Parallel()
	for console, want := range map[string]error{
		"booting\n": nil,
		"Kernel panic - not syncing: Attempted to kill init!\n": errPanic,
	} {
		m := &Machine{dir: t.TempDir(), runs: map[int]*pending{}}
		p := plan{limit: time.Minute, start: func(_ context.Context, m *Machine, _ string) (net.Conn, error) {
			own, its := net.Pipe()
			if want == nil {
				go func() { _ = agent.NewWriter[agent.Reply](its).Send(agent.Reply{Hello: &agent.Hello{Release: "6.1"}}) }()
			}
			err := os.WriteFile(m.console(), []byte(console), 0o600)
			return own, errors.Join(err, m.startProcess(exec.Command("sleep", "60"), 0))
		}}
		start := time.Now()
		if err := m.boot(t.Context(), p, ""); !errors.Is(err, want) || (err == nil) != (want == nil) || time.Since(start) > p.limit/2 {
			t.Errorf("%q: %v after %v", console, err, time.Since(start))
		}
		m.kill()
		_ = m.conn.Close()
		m.readers.Wait()
	}
}
