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

// TestAPanicAtBootIsTriedAgain: a kernel that panics before it is up is ended and booted again, but not for ever.
func TestAPanicAtBootIsTriedAgain(t *testing.T) {
	t.Parallel()
	for panics, comesUp := range map[int]bool{0: true, 1: true, bootTries - 1: true, bootTries: false} {
		m := &Machine{dir: t.TempDir(), runs: map[int]*pending{}}
		started, logged := 0, 0
		p := plan{limit: 30 * time.Second, start: func(_ context.Context, m *Machine, _ string) (net.Conn, error) {
			own, its := net.Pipe()
			started++
			if started > panics {
				go func() { _ = agent.NewWriter[agent.Reply](its).Send(agent.Reply{Hello: &agent.Hello{Release: "6.1"}}) }()
			}
			console := "booting\n"
			if started <= panics {
				console += "Kernel panic - not syncing: Attempted to kill init!\n"
			}
			err := os.WriteFile(m.console(), []byte(console), 0o600)
			return own, errors.Join(err, m.startProcess(exec.Command("sleep", "60"), 0))
		}}
		err := m.boot(t.Context(), Config{Log: func(string, ...any) { logged++ }}, p, "")
		if (err == nil) != comesUp || errors.Is(err, errPanic) == comesUp || started != min(panics+1, bootTries) || logged != started-1 {
			t.Errorf("%d panics: started %d times, told %d times, %v", panics, started, logged, err)
		}
		m.kill()
		_ = m.conn.Close()
		m.readers.Wait()
		if m.failure() == nil {
			t.Error("the last process is left")
		}
	}
}
