package nftables

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// loadTimeout bounds a run of the nft program.
const loadTimeout = 30 * time.Second

// Program loads rules as text by the nft program, and knows its own transactions again.
type Program struct {
	path string

	mu       sync.Mutex
	children map[uint32]bool // processes whose transactions have not been heard of yet
}

// NewProgram uses the program of that path; "nft" when it is empty.
func NewProgram(path string) *Program {
	if path == "" {
		path = "nft"
	}
	return &Program{path: path, children: map[uint32]bool{}}
}

// Load gives commands to the program, which carries them out as one transaction.
func (p *Program) Load(ctx context.Context, commands string) error {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, "-f", "-")
	cmd.Stdin = strings.NewReader(commands)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := p.start(cmd); err != nil {
		return fmt.Errorf("start %s: %w: install nftables", p.path, err)
	}
	if err := cmd.Wait(); err != nil {
		p.forget(uint32(cmd.Process.Pid)) // nothing of it will be heard
		const bound = 500
		said := strings.TrimSpace(stderr.String())
		return fmt.Errorf("%w: %s", err, said[:min(len(said), bound)])
	}
	return nil
}

// start notes the process before anybody can ask whose its transaction is.
func (p *Program) start(cmd *exec.Cmd) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	p.children[uint32(cmd.Process.Pid)] = true
	return nil
}

func (p *Program) forget(pid uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.children, pid)
}

// Ours says whether a transaction is of this process, or of a run of the program. The latter is asked for once: another process may
// have its number later.
func (p *Program) Ours(thread uint32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.children[thread] {
		delete(p.children, thread)
		return true
	}
	_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread))
	return err == nil
}
