package vm

import (
	"context"
	"errors"
	"fmt"

	"weft/integration/vm/agent"
)

// Init replaces the first process by the program, for example systemd, which then runs as on any machine. The file systems are mounted
// and the loopback is up. The program's environment is env and nothing else. Run works as before: its commands run beside what the
// program starts. The program reads the machine's own /etc. If that must differ, change it first, by Run.
func (m *Machine) Init(ctx context.Context, env []string, args ...string) error {
	if len(args) == 0 {
		return errors.New("vm: the first process needs a program")
	}
	program, err := findProgram(args[0])
	if err != nil {
		return err
	}
	args = append([]string{program}, args[1:]...)
	p := &pending{done: make(chan agent.Exit, 1)}
	id, err := m.register(p)
	if err != nil {
		return err
	}
	defer m.forget(id)
	if err := m.requests.Send(agent.Request{ID: id, Init: &agent.Init{Args: args, Env: env}}); err != nil {
		return fmt.Errorf("vm: %w", err)
	}
	select {
	case exit := <-p.done:
		_, err := m.outcome(Command{Args: args}, exit)
		return err
	case <-ctx.Done():
		return fmt.Errorf("vm: %s: %w", program, ctx.Err())
	}
}
