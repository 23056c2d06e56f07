package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"weft/integration/vm/agent"
)

// lineFile is the agent's end of the socket pair to the first process.
const lineFile = 3

// linePair makes the socket pair between the first process and the agent. The agent sends the program that the first process is to
// become. The first process answers with the reason if it could not. Both ends close when a program is started, so a closed socket means
// that the first process became that program.
func linePair() (own, its *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("line to the agent: %w", err)
	}
	return os.NewFile(uintptr(pair[0]), "line"), os.NewFile(uintptr(pair[1]), "line"), nil
}

// become replaces the first process, in which it runs, by the program that the agent sends.
func become(line *os.File) {
	orders, answers := json.NewDecoder(line), json.NewEncoder(line)
	for {
		var i agent.Init
		if err := orders.Decode(&i); err != nil {
			return // the agent has ended, and so will everything
		}
		err := syscall.Exec(i.Args[0], i.Args, i.Env)
		if answers.Encode(err.Error()) != nil {
			return
		}
	}
}

// initLine is the agent's end. It carries one order at a time.
type initLine struct {
	mu   sync.Mutex
	line *os.File
}

func newInitLine() *initLine {
	unix.CloseOnExec(lineFile)
	return &initLine{line: os.NewFile(lineFile, "line")}
}

// become makes the first process become a program, and returns once it has.
func (l *initLine) become(i agent.Init) *agent.Exit {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := json.NewEncoder(l.line).Encode(i); err != nil {
		return &agent.Exit{Error: fmt.Sprintf("the first process has become another already: %v", err)}
	}
	var failure string
	err := json.NewDecoder(l.line).Decode(&failure)
	switch {
	case errors.Is(err, io.EOF):
		return &agent.Exit{}
	case err != nil:
		return &agent.Exit{Error: err.Error()}
	}
	return &agent.Exit{Error: i.Args[0] + ": " + failure}
}
