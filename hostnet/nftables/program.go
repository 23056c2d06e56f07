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

// Program loads rules as text with the nft program, and recognises its own transactions.
type Program struct {
	path string

	mu       sync.Mutex
	children map[uint32]bool // processes whose transactions were not received yet
}

// NewProgram uses the program at that path. If the path is empty, it uses "nft".
func NewProgram(path string) *Program {
	if path == "" {
		path = "nft"
	}
	return &Program{path: path, children: map[uint32]bool{}}
}

// Load gives commands to the program. The program carries them out as one transaction.
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
		p.forget(uint32(cmd.Process.Pid)) // nothing of it will be received
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

// Ours says whether a transaction is from this process or from a run of the program. For a run it is true only once, because
// another process may have the same number later.
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
